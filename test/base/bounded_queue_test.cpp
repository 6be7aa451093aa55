// The queue between pipeline stages: base/bounded_queue.hpp.
#include "base/bounded_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace agri::base {
namespace {

TEST(BoundedQueue, OneProducerAndConsumer_KeepsOrderThroughABoundOfOne) {
    BoundedQueue<int> queue(1);
    std::thread producer([&] {
        for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.Push(i));
        queue.Close();
    });
    int expected = 0;
    while (auto item = queue.Pop()) EXPECT_EQ(*item, expected++);
    producer.join();
    EXPECT_EQ(expected, 1000);
}

TEST(BoundedQueue, Close_DrainsWhatIsQueuedAndRefusesMore) {
    BoundedQueue<std::unique_ptr<int>> queue(2);
    ASSERT_TRUE(queue.Push(std::make_unique<int>(7)));
    queue.Close();
    EXPECT_FALSE(queue.Push(std::make_unique<int>(8)));
    EXPECT_EQ(**queue.Pop(), 7);
    EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueue, Abort_DropsWhatIsQueued) {
    BoundedQueue<int> queue(2);
    ASSERT_TRUE(queue.Push(1));
    queue.Abort();
    EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueue, AbortWhileProducerWaits_WakesItWithFalse) {
    BoundedQueue<int> queue(1);
    ASSERT_TRUE(queue.Push(1));
    std::thread producer([&] { EXPECT_FALSE(queue.Push(2)); });
    queue.Abort();
    producer.join();
}

TEST(BoundedQueue, CloseWhileConsumerWaits_WakesItWithNothing) {
    BoundedQueue<int> queue(1);
    std::thread consumer([&] { EXPECT_EQ(queue.Pop(), std::nullopt); });
    queue.Close();
    consumer.join();
}

}  // namespace
}  // namespace agri::base

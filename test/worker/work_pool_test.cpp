#include "worker/work_pool.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <latch>

#include "base/child.hpp"
#include "worker/mailbox.hpp"

namespace agri::worker {
namespace {

TEST(WorkPoolTest, Run_TasksThatNeedEachOther_RunAtOnce) {
    std::latch both(2);
    WorkPool pool(base::NullLogger());
    for (int i = 0; i < 2; ++i) pool.Run([&] { both.arrive_and_wait(); });
    both.wait();
}

TEST(WorkPoolTest, Destruction_TasksQueued_AllHaveRun) {
    std::atomic<int> ran = 0;
    {
        WorkPool pool(base::NullLogger());
        for (int i = 0; i < 20; ++i) pool.Run([&] { ++ran; });
    }
    EXPECT_EQ(ran, 20);
}

TEST(WorkPoolTest, Run_TaskThrows_OthersGoOn) {
    std::latch done(1);
    WorkPool pool(base::NullLogger());
    pool.Run([] { throw std::runtime_error("broken"); });
    pool.Run([&] { done.count_down(); });
    done.wait();
}

TEST(WorkPoolTest, Run_OutOfMemory_EndsTheProcessInOrder) {
    test::Child child([] {
        WorkPool pool(base::NullLogger());
        pool.Run([] { throw std::bad_alloc(); });
        pause();
        return 0;
    });
    EXPECT_EQ(child.AwaitExit(), 1);
}

TEST(MailboxTest, Post_FromAnotherThread_WakesAndRunsInOrder) {
    Mailbox mailbox;
    std::string text;
    std::thread([&] {
        mailbox.Post([&] { text += "a"; });
        mailbox.Post([&] { text += "b"; });
    }).join();
    pollfd polled{mailbox.fd(), POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, 0), 1);
    mailbox.RunAll();
    EXPECT_EQ(text, "ab");
    EXPECT_EQ(poll(&polled, 1, 0), 0);
}

}  // namespace
}  // namespace agri::worker

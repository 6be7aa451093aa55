// Rates over a clock that the test moves: what the waits add up to.
#include "storage/throttled_storage.hpp"

#include <gtest/gtest.h>

#include "storage/manual_time.hpp"
#include "storage/memory_storage.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using storage::RateLimiter;
using storage::ThrottledStorage;

constexpr uint64_t kMiB = 1 << 20;

class ThrottleTest : public testing::Test {
   protected:
    std::shared_ptr<RateLimiter> Limiter(uint64_t bytes_per_second, uint64_t burst_bytes) {
        return std::make_shared<RateLimiter>(bytes_per_second, burst_bytes, clock_,
                                             waits_.waiter());
    }
    std::unique_ptr<storage::Storage> Open(std::shared_ptr<RateLimiter> up,
                                           std::shared_ptr<RateLimiter> down) {
        return std::make_unique<ThrottledStorage>(std::make_unique<MemoryStorage>(disk_), up, down);
    }
    static void ExpectNear(milliseconds actual, milliseconds expected) {
        EXPECT_NEAR(static_cast<double>(actual.count()), static_cast<double>(expected.count()), 50);
    }
    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
    ManualClock clock_;
    ManualWaits waits_{clock_};
};

TEST_F(ThrottleTest, Limiter_WithinTheBurst_DoesNotWait) {
    auto limiter = Limiter(kMiB, kMiB);
    EXPECT_TRUE(limiter->Acquire(kMiB));
    EXPECT_EQ(waits_.waits().size(), 0u);
    EXPECT_TRUE(limiter->Acquire(kMiB));
    ExpectNear(waits_.total(), seconds(1));
}

TEST_F(ThrottleTest, Limiter_AfterIdleness_GrantsOneBurstAndNoMore) {
    auto limiter = Limiter(kMiB, 2 * kMiB);
    EXPECT_TRUE(limiter->Acquire(2 * kMiB));
    clock_.Advance(seconds(3600));
    EXPECT_TRUE(limiter->Acquire(2 * kMiB));
    EXPECT_EQ(waits_.waits().size(), 0u);
    EXPECT_TRUE(limiter->Acquire(kMiB / 2));
    ExpectNear(waits_.total(), milliseconds(500));
}

TEST_F(ThrottleTest, Limiter_RequestAboveTheBurst_IsGrantedAfterItsTime) {
    auto limiter = Limiter(kMiB, 1000);
    EXPECT_TRUE(limiter->Acquire(10 * kMiB));
    ExpectNear(waits_.total(), seconds(10));
}

TEST_F(ThrottleTest, Limiter_RateZero_IsNoLimit) {
    auto limiter = Limiter(0, 0);
    EXPECT_TRUE(limiter->Acquire(1ull << 50));
    EXPECT_EQ(waits_.waits().size(), 0u);
}

TEST_F(ThrottleTest, Write_OneLargeAppend_FlowsInSlices) {
    auto storage = Open(Limiter(kMiB, 0), Limiter(0, 0));
    std::string large(4 * kMiB, 'x');
    ASSERT_TRUE(storage->Put("large", AsBytes(large)));
    ExpectNear(waits_.total(), seconds(4));
    for (milliseconds wait : waits_.waits()) EXPECT_LE(wait, milliseconds(101));
    EXPECT_EQ(storage->Get("large", large.size()).value().size(), large.size());
}

TEST_F(ThrottleTest, Read_Ranges_CountTheirBytes) {
    auto storage = Open(Limiter(0, 0), Limiter(kMiB, 0));
    std::string large(4 * kMiB, 'x');
    ASSERT_TRUE(storage->Put("large", AsBytes(large)));
    EXPECT_EQ(waits_.waits().size(), 0u);
    auto reader = storage->Open("large").value();
    base::Bytes out(kMiB);
    ASSERT_TRUE(reader->Read(0, out));
    ASSERT_TRUE(reader->Read(2 * kMiB, out));
    ExpectNear(waits_.total(), seconds(2));
    EXPECT_EQ(waits_.waits().size(), 2u);
}

TEST_F(ThrottleTest, SeveralStorages_OneLimiter_ShareTheRate) {
    auto limiter = Limiter(kMiB, 0);
    auto first = Open(limiter, limiter), second = Open(limiter, limiter);
    std::string content(kMiB, 'x');
    ASSERT_TRUE(first->Put("a", AsBytes(content)));
    ASSERT_TRUE(second->Get("a", kMiB));
    ASSERT_TRUE(second->Put("b", AsBytes(content)));
    ExpectNear(waits_.total(), seconds(3));
}

TEST_F(ThrottleTest, Write_CancelledWait_CannotBeCommitted) {
    waits_.cancel_at = 3;
    auto storage = Open(Limiter(kMiB, 0), Limiter(0, 0));
    auto writer = storage->Create("a").value();
    std::string large(kMiB, 'x');
    EXPECT_EQ(writer->Append(AsBytes(large)).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(writer->Append(AsBytes(large)).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(writer->Commit().error().code, ErrorCode::kCancelled);
    EXPECT_EQ(storage->Stat("a").value(), std::nullopt);
}

TEST_F(ThrottleTest, Read_CancelledWait_IsCancelled) {
    auto storage = Open(Limiter(0, 0), Limiter(1, 0));
    ASSERT_TRUE(storage->Put("a", AsBytes("content")));
    waits_.cancel_at = 1;
    EXPECT_EQ(storage->Get("a", 100).error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace agri::test

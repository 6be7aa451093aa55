#include "worker/wal_rate.hpp"

#include <gtest/gtest.h>

namespace agri::worker {
namespace {

using std::chrono::seconds;
constexpr uint64_t kSegment = 16u << 20;
constexpr base::MonotonicTime kStart{std::chrono::hours(1)};

TEST(WalRateTest, BytesPerSecond_WatchedTooShort_Unknown) {
    WalRate rate;
    EXPECT_FALSE(rate.BytesPerSecond(kSegment));
    rate.Add(kStart, 10, 0);
    rate.Add(kStart + seconds(1), 11, 0);
    EXPECT_FALSE(rate.BytesPerSecond(kSegment));
}

TEST(WalRateTest, BytesPerSecond_TwoSegmentsInTenSeconds_TheirRate) {
    WalRate rate;
    rate.Add(kStart, 10, 0);
    rate.Add(kStart + seconds(10), 12, 0);
    EXPECT_EQ(rate.BytesPerSecond(kSegment), 2 * kSegment / 10);
    EXPECT_FALSE(rate.IsBacklogGrowing());
}

TEST(WalRateTest, BytesPerSecond_BurstLongAgo_Forgotten) {
    WalRate rate;
    rate.Add(kStart, 10, 0);
    for (int i = 1; i < 200; ++i) rate.Add(kStart + seconds(10 * i), 1000, 0);
    EXPECT_EQ(rate.BytesPerSecond(kSegment), 0u);
}

TEST(WalRateTest, IsBacklogGrowing_MoreWaitThanBefore_True) {
    WalRate rate;
    rate.Add(kStart, 10, 0);
    rate.Add(kStart + seconds(10), 15, 5);
    EXPECT_TRUE(rate.IsBacklogGrowing());
}

TEST(WalRateTest, Add_SegmentsBeginAnew_StartsOver) {
    WalRate rate;
    rate.Add(kStart, 100, 0);
    rate.Add(kStart + seconds(10), 5, 0);
    EXPECT_FALSE(rate.BytesPerSecond(kSegment));
}

}  // namespace
}  // namespace agri::worker

// Paths through archived segments: which file holds which number, and where holes are.
#include "engine/segment_path.hpp"

#include <gtest/gtest.h>

namespace agri::engine {
namespace {

constexpr uint64_t kSize = 1u << 20;

repo::TimelineRange Range(uint32_t timeline, uint64_t first, uint64_t last) {
    repo::TimelineRange range;
    range.timeline = {timeline};
    range.from = base::Lsn{first * kSize};
    range.to = base::Lsn{(last + 1) * kSize};
    range.segments = last + 1 - first;
    return range;
}

TEST(SegmentPath, Build_OneTimelineWithAHole_TwoRuns) {
    const TimelineRanges ranges = {{{1}, {Range(1, 3, 5), Range(1, 8, 9)}}};
    const SegmentPath path = BuildSegmentPath(wal::TimelineHistory({1}), ranges, 4, kSize);
    EXPECT_EQ(path.size(), 4u);
    EXPECT_EQ(path.At(0).number, 4u);
    EXPECT_EQ(path.At(2).number, 8u);
    EXPECT_EQ(path.LowerBound(6), 2u);
    EXPECT_EQ(path.LowerBound(9), 3u);
    EXPECT_EQ(path.LowerBound(10), 4u);
    EXPECT_EQ(path.EndOfCoverage(4), 6u);
    EXPECT_EQ(path.EndOfCoverage(6), 6u);
    EXPECT_EQ(path.EndOfCoverage(8), 10u);
    EXPECT_EQ(path.NextPresent(6), 8u);
    EXPECT_EQ(path.NextPresent(10), std::nullopt);
    EXPECT_EQ(path.last_number(), 9u);
}

TEST(SegmentPath, Build_SwitchWithinASegment_TheChildsCopyCounts) {
    const auto history =
        wal::TimelineHistory({1}).Branch({2}, base::Lsn{5 * kSize + 100}, "test").value();
    const TimelineRanges ranges = {{{1}, {Range(1, 3, 8)}}, {{2}, {Range(2, 5, 6)}}};
    const SegmentPath path = BuildSegmentPath(history, ranges, 0, kSize);
    EXPECT_EQ(path.size(), 4u);  // 3, 4 of timeline 1; 5, 6 of timeline 2
    EXPECT_EQ(path.At(1).timeline.value, 1u);
    EXPECT_EQ(path.At(2).timeline.value, 2u);
    EXPECT_EQ(path.last_number(), 6u);
}

TEST(SegmentPath, Build_ChildsCopyNotArchivedYet_TheParentsIsRead) {
    const auto history =
        wal::TimelineHistory({1}).Branch({2}, base::Lsn{5 * kSize + 100}, "test").value();
    const TimelineRanges ranges = {{{1}, {Range(1, 3, 8)}}};
    const SegmentPath path = BuildSegmentPath(history, ranges, 0, kSize);
    EXPECT_EQ(path.last_number(), 5u);
    EXPECT_EQ(path.At(2).timeline.value, 1u);
}

TEST(SegmentPath, Build_SwitchAtABoundary_ParentsNextSegmentIsNotRead) {
    const auto history =
        wal::TimelineHistory({1}).Branch({2}, base::Lsn{5 * kSize}, "test").value();
    const TimelineRanges ranges = {{{1}, {Range(1, 3, 8)}}};
    EXPECT_EQ(BuildSegmentPath(history, ranges, 0, kSize).last_number(), 4u);
}

TEST(SegmentPath, Empty_HasNothing) {
    const SegmentPath path;
    EXPECT_EQ(path.size(), 0u);
    EXPECT_EQ(path.EndOfCoverage(7), 7u);
    EXPECT_EQ(path.NextPresent(0), std::nullopt);
}

}  // namespace
}  // namespace agri::engine

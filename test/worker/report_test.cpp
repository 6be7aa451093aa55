#include <gtest/gtest.h>

#include "engine/report_wal.hpp"

namespace agri::engine {
namespace {

constexpr uint64_t kSegment = 16u << 20;
using base::Lsn;
using base::TimelineId;

TimelineReport Timeline(uint32_t id, std::vector<std::pair<uint64_t, uint64_t>> ranges) {
    TimelineReport timeline{wal::TimelineHistory(TimelineId{id}), {}, {}};
    for (auto [first, end] : ranges)
        timeline.ranges.push_back({.timeline = TimelineId{id},
                                   .from = Lsn{first * kSegment},
                                   .to = Lsn{end * kSegment},
                                   .segments = end - first});
    return timeline;
}

TimelineReport Child(uint32_t parent, uint32_t id, uint64_t branch_lsn,
                     std::vector<std::pair<uint64_t, uint64_t>> ranges) {
    TimelineReport child = Timeline(id, std::move(ranges));
    child.history = *wal::TimelineHistory(TimelineId{parent})
                         .Branch(TimelineId{id}, Lsn{branch_lsn}, "no recovery target specified");
    return child;
}

repo::CatalogEntry Backup(uint32_t timeline, uint64_t start, uint64_t stop) {
    repo::CatalogEntry entry;
    entry.header.set_timeline(timeline);
    entry.header.set_stop_timeline(timeline);
    entry.header.set_start_lsn(start);
    entry.header.set_stop_lsn(stop);
    return entry;
}

std::vector<std::string> Missing(const std::vector<TimelineReport>& timelines,
                                 const std::vector<repo::CatalogEntry>& backups) {
    std::vector<std::string> texts;
    for (const MissingWal& hole : FindMissingWal(timelines, backups, kSegment))
        texts.push_back(fmt::format("{}:{}-{}", hole.timeline.value, hole.first, hole.end));
    return texts;
}

using Texts = std::vector<std::string>;

TEST(ReportTest, MissingWal_HoleBeforeEveryBackup_NotMissing) {
    EXPECT_EQ(Missing({Timeline(1, {{1, 4}, {6, 9}})}, {}), Texts{});
    EXPECT_EQ(Missing({Timeline(1, {{1, 4}, {6, 9}})}, {Backup(1, 7 * kSegment, 8 * kSegment)}),
              Texts{});
}

TEST(ReportTest, MissingWal_HoleBehindABackup_Missing) {
    EXPECT_EQ(Missing({Timeline(1, {{1, 4}, {6, 9}, {10, 11}})},
                      {Backup(1, 2 * kSegment + 40, 3 * kSegment)}),
              (Texts{"1:4-6", "1:9-10"}));
}

TEST(ReportTest, MissingWal_BackupsOwnWalLost_Missing) {
    EXPECT_EQ(Missing({Timeline(1, {{4, 6}})}, {Backup(1, 2 * kSegment, 3 * kSegment + 8)}),
              (Texts{"1:2-4"}));
    EXPECT_EQ(Missing({Timeline(1, {{2, 3}})}, {Backup(1, 2 * kSegment, 4 * kSegment)}),
              (Texts{"1:3-4"}));
}

TEST(ReportTest, MissingWal_DeclaredGap_NotMissing) {
    TimelineReport timeline = Timeline(1, {{1, 4}, {8, 9}});
    repo::format::DeclaredGap gap;
    gap.set_from_lsn(4 * kSegment);
    gap.set_to_lsn(7 * kSegment);
    timeline.gaps.push_back(gap);
    EXPECT_EQ(Missing({timeline}, {Backup(1, kSegment, 2 * kSegment)}), (Texts{"1:7-8"}));
}

TEST(ReportTest, MissingWal_ChildTimeline_FromTheSegmentOfTheSwitch) {
    const auto backup = Backup(1, kSegment, 2 * kSegment);
    // The parent's copy of the switch's segment is not needed, the child's is.
    EXPECT_EQ(Missing({Timeline(1, {{1, 5}}), Child(1, 2, 5 * kSegment + 80, {{5, 7}})}, {backup}),
              Texts{});
    EXPECT_EQ(Missing({Timeline(1, {{1, 4}}), Child(1, 2, 5 * kSegment + 80, {{6, 7}})}, {backup}),
              (Texts{"1:4-5", "2:5-6"}));
}

TEST(ReportTest, MissingWal_BackupBehindTheSwitch_ChildIsNotNeeded) {
    EXPECT_EQ(Missing({Timeline(1, {{1, 9}}), Child(1, 2, 5 * kSegment + 80, {{7, 8}})},
                      {Backup(1, 6 * kSegment, 7 * kSegment)}),
              Texts{});
}

TEST(ReportTest, TimeOrNull_Zero_IsUnknown) {
    EXPECT_TRUE(TimeOrNull(0).is_null());
    EXPECT_EQ(TimeOrNull(1000000), "1970-01-01T00:00:01.000000Z");
}

}  // namespace
}  // namespace agri::engine

// Ranges, timelines and gaps, from names alone; foreign names are counted and otherwise left alone.
#include <gmock/gmock.h>

#include "repo/test_repository.hpp"
#include "repo/wal_archive.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::TestRepository;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kMiB = 1u << 20;

class WalListingTest : public testing::Test {
   protected:
    // Ranges come from names and sizes: the content does not matter.
    void Name(std::string_view name, size_t bytes = 10) {
        test_.disk->Overwrite(test_.incarnation().keys().Wal(*base::WalFileName::Parse(name)),
                              base::Bytes(bytes));
    }
    void Stray(const std::string& below_wal) {
        test_.disk->Overwrite(test_.incarnation().keys().WalFolder() + below_wal, base::Bytes(1));
    }
    static format::DeclaredGap Gap(uint64_t from, uint64_t to) {
        format::DeclaredGap gap;
        gap.set_timeline(1);
        gap.set_from_lsn(from);
        gap.set_to_lsn(to);
        gap.set_reason("disk lost");
        return gap;
    }

    TestRepository test_;
    WalArchive archive_{test_.incarnation()};
};

TEST_F(WalListingTest, Ranges_HolesSplitThem) {
    for (const char* name :
         {"000000010000000000000001", "000000010000000000000002", "000000010000000000000004",
          "000000010000000000000FFF", "000000010000000100000000", "000000020000000000000003"})
        Name(name);
    const auto ranges = test::Must(archive_.Ranges({1}));
    ASSERT_THAT(ranges, SizeIs(3));
    EXPECT_EQ(ranges[0].from.value, 1 * kMiB);
    EXPECT_EQ(ranges[0].to.value, 3 * kMiB);
    EXPECT_EQ(ranges[0].segments, 2u);
    EXPECT_EQ(ranges[0].stored_bytes, 20u);
    EXPECT_EQ(ranges[0].timeline.value, 1u);
    EXPECT_EQ(ranges[1].from.value, 4 * kMiB);
    // Across the border between two log files.
    EXPECT_EQ(ranges[2].from.value, 0xFFF * kMiB);
    EXPECT_EQ(ranges[2].to.value, 0x1001 * kMiB);
    EXPECT_THAT(test::Must(archive_.Ranges({2})), SizeIs(1));
    EXPECT_THAT(test::Must(archive_.Ranges({3})), IsEmpty());
}

TEST_F(WalListingTest, Survey_WhatIsNoSegment_IsCountedNotListed) {
    Name("000000010000000000000001");
    Name("000000010000000000000002.partial");
    Name("000000010000000000000001.00000028.backup");
    Stray("00000001/00000000/000000010000000000000001.blocks");
    test::Must(archive_.DeclareGap(Gap(kMiB * 5, kMiB * 6)));
    for (const char* stray :
         {"lost+found", "00000001/00000000/000000010000000000000002.tmp",
          "00000001/00000000/000000020000000000000002",
          "00000001/00000001/000000010000000000000002",
          "00000001/00000000/000000010000000000001000", "00000001/00000000/00000002.history",
          "00000001/00000000/000000010000000000000002.gz", "00000001/README",
          "00000001/00000000/00000001000000000000000a", "00000001/00000000/.blocks"})
        Stray(stray);
    const WalSurvey survey = test::Must(archive_.Survey({1}));
    ASSERT_THAT(survey.ranges, SizeIs(1));
    EXPECT_EQ(survey.ranges[0].segments, 1u);
    EXPECT_EQ(survey.partial_segments.size(), 1u);
    EXPECT_EQ(survey.backup_history_files, 1u);
    EXPECT_EQ(survey.changed_block_maps, 1u);
    EXPECT_EQ(survey.foreign_names, 9u);
}

TEST_F(WalListingTest, Timelines_OnlyThoseWithSegments) {
    EXPECT_THAT(test::Must(archive_.Timelines()), IsEmpty());
    Name("000000010000000000000001");
    Name("0000000A0000000000000001");
    Name("000000030000000000000001.partial");
    Stray("0000000b/00000000/0000000B0000000000000001");
    Stray("00000000/00000000/000000000000000000000001");
    Stray("lost+found");
    format::DeclaredGap gap = Gap(kMiB, 2 * kMiB);
    gap.set_timeline(4);
    test::Must(archive_.DeclareGap(gap));
    EXPECT_THAT(test::Must(archive_.Timelines()),
                ElementsAre(base::TimelineId{1}, base::TimelineId{10}));
}

TEST_F(WalListingTest, StorageUnreachable_IsAnError) {
    Name("000000010000000000000001");
    const auto fail = [&] { test_.disk->Fail({test::Operation::kList, ErrorCode::kUnavailable}); };
    fail();
    EXPECT_EQ(archive_.Ranges({1}).error().code, ErrorCode::kUnavailable);
    fail();
    EXPECT_EQ(archive_.Timelines().error().code, ErrorCode::kUnavailable);
    test_.disk->Fail({test::Operation::kList, ErrorCode::kUnavailable, "wal/00000001"});
    EXPECT_EQ(archive_.Timelines().error().code, ErrorCode::kUnavailable);
    fail();
    EXPECT_EQ(archive_.HistoryFiles().error().code, ErrorCode::kUnavailable);
    fail();
    EXPECT_EQ(archive_.Gaps({1}).error().code, ErrorCode::kUnavailable);
}

TEST_F(WalListingTest, DeclareGap_IsListedInOrder) {
    test::Must(archive_.DeclareGap(Gap(5 * kMiB, 6 * kMiB)));
    test::Must(archive_.DeclareGap(Gap(kMiB, 2 * kMiB)));
    const auto gaps = test::Must(archive_.Gaps({1}));
    ASSERT_THAT(gaps, SizeIs(2));
    EXPECT_EQ(gaps[0].from_lsn(), kMiB);
    EXPECT_EQ(gaps[1].reason(), "disk lost");
    EXPECT_THAT(test::Must(archive_.Gaps({2})), IsEmpty());
}

TEST_F(WalListingTest, DeclareGap_Again_IsSuccessOnlyForTheSameRange) {
    test::Must(archive_.DeclareGap(Gap(kMiB, 2 * kMiB)));
    EXPECT_TRUE(archive_.DeclareGap(Gap(kMiB, 2 * kMiB)));
    const base::Status other = archive_.DeclareGap(Gap(kMiB, 3 * kMiB));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::kConflict);
    EXPECT_EQ(archive_.DeclareGap(Gap(kMiB, kMiB)).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(archive_.DeclareGap({}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(WalListingTest, Gaps_OneThatSaysOtherThanItsName_IsCorrupt) {
    const auto& keys = test_.incarnation().keys();
    const std::string key = keys.Gap({1}, base::Lsn{kMiB});
    test::Must(PutRecord(test_.repository().storage(), test_.repository(), key,
                         base::AsBytes(Gap(2 * kMiB, 3 * kMiB).SerializeAsString())));
    const auto gaps = archive_.Gaps({1});
    ASSERT_FALSE(gaps);
    EXPECT_EQ(gaps.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(gaps.error().message, HasSubstr(key));
}

}  // namespace
}  // namespace agri::repo

// Gaps are declared of what is missing alone: engine/wal_gap.hpp.
#include "engine/wal_gap.hpp"

#include "engine/test_archive.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::kFirstSegment;
using test::Must;

class WalGapTest : public testing::Test {
   protected:
    // Timeline 1, segments 0x20 to 0x25 without 0x22 and 0x23.
    void SetUp() override {
        test::Story story;
        for (int i = 0; i < 6; ++i) story.EndSegment();
        test::ArchiveSegments(repository_.incarnation(), story, kFirstSegment, kFirstSegment + 2);
        test::ArchiveSegments(repository_.incarnation(), story, kFirstSegment + 4,
                              kFirstSegment + 6);
    }
    base::Status Declare(uint64_t first, uint64_t end, uint32_t timeline = 1,
                         const std::string& reason = "disk died") {
        repo::format::DeclaredGap gap;
        gap.set_timeline(timeline);
        gap.set_from_lsn((kFirstSegment + first) * test::kTestSegmentBytes);
        gap.set_to_lsn((kFirstSegment + end) * test::kTestSegmentBytes);
        gap.set_reason(reason);
        return DeclareGap(repository_.incarnation(), gap);
    }
    void ExpectRefused(const base::Status& declared, const std::string& why) {
        ASSERT_FALSE(declared);
        EXPECT_EQ(declared.error().code, ErrorCode::kInvalidArgument);
        EXPECT_NE(declared.error().message.find(why), std::string::npos)
            << declared.error().ToString();
        EXPECT_TRUE(Must(repo::WalArchive(repository_.incarnation()).Gaps({1})).empty());
    }

    test::TestRepository repository_;
};

TEST_F(WalGapTest, Missing_IsDeclaredOnceAndAgain) {
    EXPECT_TRUE(Declare(2, 4));
    EXPECT_TRUE(Declare(2, 4));
    EXPECT_EQ(Declare(2, 3).error().code, ErrorCode::kConflict);
    EXPECT_EQ(Must(repo::WalArchive(repository_.incarnation()).Gaps({1})).size(), 1u);
}

TEST_F(WalGapTest, PartOfWhatIsMissing_IsDeclared) { EXPECT_TRUE(Declare(3, 4)); }

TEST_F(WalGapTest, Archived_Refused) {
    ExpectRefused(Declare(1, 4), test::SegmentName(1, kFirstSegment + 1) + " is archived");
    ExpectRefused(Declare(2, 5), test::SegmentName(1, kFirstSegment + 4) + " is archived");
}

TEST_F(WalGapTest, NotWrittenYet_Refused) {
    ExpectRefused(Declare(6, 7), "is not missing");
    ExpectRefused(Declare(-4, -2), "is not missing");
}

TEST_F(WalGapTest, UnknownTimeline_Refused) { ExpectRefused(Declare(2, 4, 9), "no timeline 9"); }

TEST_F(WalGapTest, NoReason_Refused) { ExpectRefused(Declare(2, 4, 1, " \t"), "without a reason"); }

}  // namespace
}  // namespace agri::engine

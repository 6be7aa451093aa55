// Archived WAL beside what pg_wal holds: what is this server's and whole, and what is not.
#include "engine/archived_wal_check.hpp"

#include <gmock/gmock.h>

#include "engine/test_archive.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::Must;
using testing::HasSubstr;

constexpr uint64_t kSize = test::kTestSegmentBytes;

class ArchivedWalCheckTest : public testing::Test {
   protected:
    ArchivedWalCheckTest() {
        first_ = story_.Commit(100, 10);
        story_.EndSegment();
        story_.Commit(101, 20);
        stop_ = story_.position();
        behind_stop_ = story_.Commit(102, 30);
        story_.EndSegment();
    }
    static base::Bytes With(base::Bytes content, uint64_t at, std::byte value) {
        content.at(at) = value;
        return content;
    }
    base::Bytes Content(uint64_t number) const {
        return story_.builder().Segment(number - test::kFirstSegment);
    }
    void Archive(uint64_t number, const base::Bytes& content) {
        auto scan = Must(wal::ScanSegment(content));
        wal::SegmentCarry carry;
        const auto stitched = wal::Stitch(carry, scan);
        repo::format::WalIndex index;
        index.set_name(test::SegmentName(1, number));
        index.set_host("elsewhere");
        SetWalFacts({scan, stitched, carry, scan.facts.first_record}, index);
        Must(repo::WalArchive(repository_.incarnation())
                 .Put(index, content, 1, base::SystemClock()));
    }
    void WriteWal(uint64_t number, const base::Bytes& content) {
        cluster_.Write("pg_wal/" + test::SegmentName(1, number), base::AsText(content));
    }
    base::Status Check(uint64_t number) {
        return CheckArchivedSegment({repository_.incarnation(), data_, stop_}, {{1}, number});
    }
    uint64_t InSegment(base::Lsn lsn) const { return lsn.value % kSize; }

    static constexpr uint64_t kWhole = test::kFirstSegment;
    static constexpr uint64_t kLast = test::kFirstSegment + 1;  // holds the stop point
    test::TestRepository repository_;
    test::TestCluster cluster_;
    const std::string data_ = cluster_.data();
    test::Story story_;
    base::Lsn first_, stop_, behind_stop_;
};

TEST_F(ArchivedWalCheckTest, SameContent_IsFine) {
    for (uint64_t number : {kWhole, kLast}) {
        Archive(number, Content(number));
        WriteWal(number, Content(number));
        EXPECT_TRUE(Check(number));
    }
}

TEST_F(ArchivedWalCheckTest, NoLongerInPgWal_IsBelieved) {
    Archive(kWhole, Content(kWhole));
    EXPECT_TRUE(Check(kWhole));
}

TEST_F(ArchivedWalCheckTest, WholeSegmentDiffersAnywhere_ConflictNamesItAndItsWriter) {
    Archive(kWhole, Content(kWhole));
    WriteWal(kWhole, With(Content(kWhole), kSize - 1, std::byte{7}));
    const auto checked = Check(kWhole);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kConflict);
    EXPECT_THAT(checked.error().message, HasSubstr(test::SegmentName(1, kWhole)));
    EXPECT_THAT(checked.error().detail, HasSubstr("host \"elsewhere\""));
    EXPECT_THAT(checked.error().hint, HasSubstr("agri_backup lineage"));
    base::Bytes cut = Content(kWhole);
    cut.resize(kSize / 2);
    WriteWal(kWhole, cut);
    EXPECT_EQ(Check(kWhole).error().code, ErrorCode::kConflict);
}

TEST_F(ArchivedWalCheckTest, LastSegment_ComparedUpToTheStopPoint) {
    Archive(kLast, Content(kLast));
    WriteWal(kLast, With(Content(kLast), InSegment(stop_), std::byte{7}));
    EXPECT_TRUE(Check(kLast)) << "a standby has not received what is behind it";
    WriteWal(kLast, With(Content(kLast), InSegment(stop_) - 1, std::byte{7}));
    EXPECT_EQ(Check(kLast).error().code, ErrorCode::kConflict);
    WriteWal(kLast, {});
    EXPECT_EQ(Check(kLast).error().code, ErrorCode::kConflict);
}

TEST_F(ArchivedWalCheckTest, RecordsUnreadable_BeforeTheStopPointOnly_Corrupt) {
    Archive(kLast, With(Content(kLast), InSegment(behind_stop_) + 20, std::byte{7}));
    EXPECT_TRUE(Check(kLast));
    Archive(kWhole, With(Content(kWhole), InSegment(first_) + 20, std::byte{7}));
    const auto checked = Check(kWhole);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(checked.error().message, HasSubstr(test::SegmentName(1, kWhole)));
    EXPECT_THAT(checked.error().detail, HasSubstr("unreadable from"));
}

TEST_F(ArchivedWalCheckTest, DamagedObject_ErrorNamesIt) {
    Archive(kWhole, Content(kWhole));
    const std::string key = test::SegmentKey(repository_.incarnation(), 1, kWhole);
    repository_.disk->Overwrite(key, test::Noise(500, 1));
    const auto checked = Check(kWhole);
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().ToString(), HasSubstr(key));
}

}  // namespace
}  // namespace agri::engine

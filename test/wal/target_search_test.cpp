// Where recovery to a time or to a transaction stops, by the server's rules.
#include "wal/target_search.hpp"

#include <gtest/gtest.h>

#include "golden.hpp"
#include "wal_builder.hpp"

namespace agri::wal {
namespace {

using base::WallTime;

WallTime At(int64_t us) { return WallTime(std::chrono::microseconds(us)); }

// Commits at 10, 30, 20, an abort at 40, commits at 40 and 50.
struct Sample {
    WalBuilder wal;
    base::Lsn c10 = wal.Commit(100, 10), c30 = wal.Commit(101, 30), c20 = wal.Commit(102, 20),
              a40 = wal.Abort(103, 40), c40 = wal.Commit(104, 40), c50 = wal.Commit(105, 50);

    TimeFinder Find(int64_t us, TargetInclusion inclusion = TargetInclusion::kInclusive) const {
        TimeFinder finder(At(us), inclusion);
        EXPECT_TRUE(ScanSegment(wal.Segment(0), {.visitor = &finder}));
        return finder;
    }
};

TEST(TimeFinder, TimeBetweenCommits_StopsBeforeTheFirstBeyond) {
    const Sample sample;
    const TimeFinder finder = sample.Find(15);
    ASSERT_TRUE(finder.last_commit());
    EXPECT_EQ(finder.last_commit()->start, sample.c10);
    EXPECT_EQ(finder.last_commit()->time, At(10));
    ASSERT_TRUE(finder.stop());
    EXPECT_EQ(finder.stop()->start, sample.c30);
}

TEST(TimeFinder, EarlierCommitBehindTheStop_IsNotReached) {
    const Sample sample;
    EXPECT_EQ(sample.Find(25).last_commit()->start, sample.c10);
    EXPECT_EQ(sample.Find(35).last_commit()->start, sample.c20);
}

TEST(TimeFinder, Abort_StopsToo) {
    const Sample sample;
    EXPECT_EQ(sample.Find(39).stop()->start, sample.a40);
    EXPECT_EQ(sample.Find(39).stop()->outcome, TransactionOutcome::kAborted);
}

TEST(TimeFinder, SameTime_InclusiveTakesAllExclusiveNone) {
    const Sample sample;
    EXPECT_EQ(sample.Find(40).last_commit()->start, sample.c40);
    EXPECT_EQ(sample.Find(40).stop()->start, sample.c50);
    const TimeFinder exclusive = sample.Find(40, TargetInclusion::kExclusive);
    EXPECT_EQ(exclusive.last_commit()->start, sample.c20);
    EXPECT_EQ(exclusive.stop()->start, sample.a40);
}

TEST(TimeFinder, TimeOutsideTheWal_HasNoStopOrNoCommit) {
    const Sample sample;
    EXPECT_FALSE(sample.Find(5).last_commit());
    EXPECT_EQ(sample.Find(5).stop()->start, sample.c10);
    EXPECT_FALSE(sample.Find(60).stop());
    EXPECT_EQ(sample.Find(60).last_commit()->start, sample.c50);
}

TEST(XidFinder, CommitsAndAborts_AreFoundOthersNot) {
    const Sample sample;
    for (auto [xid, start] : {std::pair{102u, sample.c20}, std::pair{103u, sample.a40}}) {
        XidFinder finder(xid);
        ASSERT_TRUE(ScanSegment(sample.wal.Segment(0), {.visitor = &finder}));
        ASSERT_TRUE(finder.found());
        EXPECT_EQ(finder.found()->start, start);
    }
    XidFinder finder(999);
    ASSERT_TRUE(ScanSegment(sample.wal.Segment(0), {.visitor = &finder}));
    EXPECT_FALSE(finder.found());
}

TEST(WalFacts, XidsAcrossTheWraparound_AreOrderedModulo) {
    WalBuilder wal;
    wal.Commit(0xFFFFFFF0, 1);
    wal.Commit(5, 2);
    wal.Commit(0xFFFFFFF8, 3);
    auto scan = ScanSegment(wal.Segment(0));
    ASSERT_TRUE(scan);
    EXPECT_EQ(scan->facts.oldest_ended_xid, 0xFFFFFFF0u);
    EXPECT_EQ(scan->facts.newest_ended_xid, 5u);
}

TEST(WalFacts, CommitTimesOutOfOrder_KeepOrderAndExtremes) {
    const Sample sample;
    auto scan = ScanSegment(sample.wal.Segment(0));
    ASSERT_TRUE(scan);
    EXPECT_EQ(scan->facts.first_commit_time, At(10));
    EXPECT_EQ(scan->facts.last_commit_time, At(50));
    EXPECT_EQ(scan->facts.commit_count, 5u);
    EXPECT_EQ(scan->facts.abort_count, 1u);
    EXPECT_EQ(scan->facts.earliest_end_time, At(10));
    EXPECT_EQ(scan->facts.latest_end_time, At(50));
}

TEST(PostgresTime, Extremes_Saturate) {
    EXPECT_EQ(FromPostgresTime(0), At(946684800000000));
    EXPECT_EQ(ToPostgresTime(At(946684800000000)), 0);
    EXPECT_EQ(FromPostgresTime(INT64_MAX), At(INT64_MAX));
    EXPECT_EQ(ToPostgresTime(At(INT64_MIN)), INT64_MIN);
    EXPECT_EQ(ToPostgresTime(FromPostgresTime(INT64_MIN)), INT64_MIN);
}

TEST(ReadTransactionEnd, CutOrAbsurdParts_AreRefused) {
    Record record;
    record.header.manager = ResourceManager::kTransaction;
    record.header.info = 0x80;  // commit with xinfo
    base::Bytes data(8 + 4 + 4);
    base::StoreLe(data.data() + 8, uint32_t{1u << 2});  // relations
    base::StoreLe(data.data() + 12, UINT32_MAX);        // that many
    record.main_data = data;
    EXPECT_FALSE(ReadTransactionEnd(record));
    EXPECT_FALSE(ReadDroppedRelations(record));
    record.main_data = base::ByteView(data).first(7);
    EXPECT_FALSE(ReadTransactionEnd(record));
}

}  // namespace
}  // namespace agri::wal

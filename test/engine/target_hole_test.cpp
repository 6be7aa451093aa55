// Recovery targets when something is missing, damaged or there twice; and recovery windows.
#include "engine/target_fixture.hpp"
#include "repo/wal_tail.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using base::Lsn;
using test::At;
using test::Must;
using test::TimeAt;
using TargetHoleTest = test::TargetFixture;

TEST_F(TargetHoleTest, Resolve_HoleBeforeTheTarget_IsNamed) {
    Remove(1, 0x23);
    const auto plan = ResolveTime(62);
    ExpectUnreachable(plan, "segment 000000010000000000000023 is missing from the archive");
}

TEST_F(TargetHoleTest, Resolve_LsnInASegmentsPadding_NeedsTheRecordBehindIt) {
    const Lsn padding{0x2500000 - 8};
    EXPECT_EQ(Must(ResolveLsn(padding)).wal_segments, 4u);  // 0x22 to 0x25
    EXPECT_EQ(Must(ResolveLsn(story.lsn[206])).wal_segments, 3u);
    Remove(2, 0x25);
    ExpectUnreachable(ResolveLsn(padding), "segment 000000020000000000000025 is missing");
    EXPECT_TRUE(ResolveLsn(story.lsn[206]));
}

TEST_F(TargetHoleTest, Resolve_DeclaredGap_IsNamedWithItsReason) {
    Remove(1, 0x23);
    repo::format::DeclaredGap gap;
    gap.set_timeline(1);
    gap.set_from_lsn(0x2300000);
    gap.set_to_lsn(0x2400000);
    gap.set_declared_by("ann");
    gap.set_reason("disk died");
    Must(repo::WalArchive(repository.incarnation()).DeclareGap(gap));
    ExpectUnreachable(ResolveTime(62), "declared lost by ann: disk died");
}

TEST_F(TargetHoleTest, Resolve_HoleNearTheEnd_EndsBeforeItAndSaysSo) {
    Remove(2, 0x25);
    const RestorePlan plan = Must(Resolve());
    EXPECT_EQ(plan.end_commit_us, At(61));
    ASSERT_EQ(plan.warnings.size(), 1u);
    EXPECT_NE(plan.warnings[0].find("000000020000000000000025"), std::string::npos);
}

// The server would ask for it after the last segment, and end when wal-fetch cannot read it.
TEST_F(TargetHoleTest, Resolve_UnfinishedSegmentAtTheEndCannotBeRead_NamesTheLastRecordBefore) {
    const base::SegmentId segment{{2}, 0x27};
    const base::Bytes content(100, std::byte{7});
    const repo::WalTail tail(repository.incarnation());
    Must(tail.Ship({.segment = segment, .content = content, .host = "host"}, base::SystemClock()));
    const std::string key = Must(tail.Read(segment))->keys.front();
    base::Bytes damaged = repository.Content(key);
    damaged[damaged.size() / 2] ^= std::byte{1};
    repository.disk->Overwrite(key, damaged);

    const auto plan = Resolve();
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(plan.error().message.find("000000020000000000000027"), std::string::npos);
    const std::string option = "--target-lsn ";
    const size_t at = plan.error().hint.find(option);
    ASSERT_NE(at, std::string::npos) << plan.error().hint;
    const std::string named = plan.error().hint.substr(at + option.size());
    const Lsn lsn = *Lsn::Parse(named.substr(0, named.size() - 1));
    EXPECT_GE(lsn, story.lsn[208]);
    const RestorePlan before = Must(ResolveLsn(lsn));
    EXPECT_EQ(before.effective_target.lsn, lsn);
    EXPECT_FALSE(before.reads_ahead);
}

TEST_F(TargetHoleTest, Resolve_BackupWithoutItsOwnWal_IsPassedOver) {
    Remove(1, 0x22);
    target.kind = TargetKind::kImmediate;
    EXPECT_EQ(Must(Resolve()).backup.backup_id(), story.a.id);
}

TEST_F(TargetHoleTest, Resolve_DamagedHistoryFile_IsNotTakenForAMissingTimeline) {
    Damage("00000002.history");
    const auto plan = Resolve();
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(plan.error().message.find("00000002.history"), std::string::npos);
    target.timeline = "1";
    EXPECT_TRUE(Resolve());
}

TEST_F(TargetHoleTest, Resolve_LostHistoryFile_IsNotTakenForAnOlderTimelinesEnd) {
    Remove("00000002.history");
    for (const std::string& backup : {std::string(), story.a.id}) {
        const auto plan = Resolve(backup);
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt);
        EXPECT_NE(plan.error().message.find("00000002.history is not in the archive"),
                  std::string::npos)
            << plan.error().message;
        EXPECT_NE(plan.error().hint.find("--target-timeline 1"), std::string::npos)
            << plan.error().hint;
    }
    target.timeline = "1";
    EXPECT_EQ(Must(Resolve()).target_timeline.value, 1u);
}

TEST_F(TargetHoleTest, Resolve_LostHistoryFileOfABackupsTimeline_ItIsTheLatest) {
    Remove("00000002.history");
    test::CommitBackup(repository, {"20261122T120000Z-full-dddd", story.lsn[206],
                                    Lsn{story.lsn[207].value + 8}, 60, 75, 2});
    EXPECT_EQ(Must(Resolve()).target_timeline.value, 2u);
}

TEST_F(TargetHoleTest, Resolve_CurrentTimelineThatCannotBeRead_NoOtherIsTaken) {
    test::CommitBackup(repository, {"20261122T120000Z-full-dddd", story.lsn[206],
                                    Lsn{story.lsn[207].value + 8}, 60, 75, 2});
    test::Fault fault;
    fault.operation = test::Operation::kOpen;
    fault.key_contains = test::SegmentName(2, 0x26);
    repository.disk->Fail(fault);
    target.timeline = "current";
    const auto plan = Resolve();
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::kUnavailable) << plan.error().ToString();
}

TEST_F(TargetHoleTest, Resolve_RepeatedRestorePoint_TakesTheLatestByLsn) {
    test::TestRepository other;
    test::Story wal;
    const Lsn start{test::kFirstSegment * test::kTestSegmentBytes + 40};
    wal.Commit(100, 10);
    const Lsn stop = wal.position();
    wal.RestorePoint("twice", 11);
    wal.EndSegment();
    const Lsn second = wal.RestorePoint("twice", 21);
    wal.EndSegment();
    test::ArchiveSegments(other.incarnation(), wal, 0x20, 0x22);
    test::CommitBackup(other, {std::string(test::kTestBackup), start, stop, 5, 9});
    target.kind = TargetKind::kName;
    target.name = "twice";
    const RestorePlan plan = Must(ResolveTarget(other.incarnation(), target, "", context.get()));
    EXPECT_EQ(plan.effective_target.kind, TargetKind::kLsn);
    EXPECT_EQ(plan.effective_target.lsn, second);
    EXPECT_TRUE(plan.effective_target.exclusive);
    EXPECT_EQ(plan.warnings.size(), 1u);
}

TEST_F(TargetHoleTest, Resolve_NoBackup_SaysSo) {
    test::TestRepository empty;
    const auto plan = ResolveTarget(empty.incarnation(), target, "", context.get());
    ExpectUnreachable(plan, "has no backup to restore");
}

TEST_F(TargetHoleTest, ListRecoveryWindows_TwoTimelines_BothEnds) {
    const auto windows = Must(ListRecoveryWindows(repository.incarnation(), context.get())).windows;
    ASSERT_EQ(windows.size(), 2u);
    EXPECT_EQ(windows[0].timeline.value, 1u);
    EXPECT_EQ(windows[0].to_us, At(65));
    EXPECT_EQ(windows[1].timeline.value, 2u);
    EXPECT_EQ(windows[1].first_backup, story.a.id);
    EXPECT_EQ(windows[1].from_lsn, story.a.stop);
    EXPECT_EQ(windows[1].to_us, At(80));
}

}  // namespace
}  // namespace agri::engine

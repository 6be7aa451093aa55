// Which backup and which WAL lead to a recovery target, on two timelines with known commits.
#include "engine/target_fixture.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using base::Lsn;
using test::At;
using test::Must;
using test::TimeAt;
using TargetTest = test::TargetFixture;

TEST_F(TargetTest, Resolve_EndOfWal_LatestTimelineFromTheLatestBackupOnIt) {
    const RestorePlan plan = Must(Resolve());
    EXPECT_EQ(plan.backup.backup_id(), story.b.id);
    EXPECT_EQ(plan.target_timeline.value, 2u);
    EXPECT_EQ(plan.end_commit_us, At(80));
    EXPECT_GE(plan.end_lsn, story.end);
    EXPECT_EQ(plan.wal_segments, 5u);  // 0x22 to 0x26
    ASSERT_EQ(plan.path.size(), 2u);
    EXPECT_EQ(plan.path[0].timeline.value, 1u);
    EXPECT_EQ(plan.path[0].from, story.b.start);
    EXPECT_EQ(plan.path[0].to, story.branch);
    EXPECT_EQ(plan.path[1].timeline.value, 2u);
    EXPECT_TRUE(plan.warnings.empty());
    EXPECT_NE(plan.reason.find("latest backup"), std::string::npos) << plan.reason;
}

TEST_F(TargetTest, Resolve_NumberedTimeline_GoesThereAndNotToItsChild) {
    target.timeline = "1";
    const RestorePlan plan = Must(Resolve());
    EXPECT_EQ(plan.target_timeline.value, 1u);
    EXPECT_EQ(plan.end_commit_us, At(65));
    EXPECT_EQ(plan.path.size(), 1u);
}

TEST_F(TargetTest, Resolve_Current_IsTheBackupsOwnTimeline) {
    target.timeline = "current";
    EXPECT_EQ(Must(Resolve()).target_timeline.value, 1u);
}

TEST_F(TargetTest, Resolve_UnknownTimeline_NamesTheKnownOnes) {
    target.timeline = "7";
    ExpectUnreachable(Resolve(), "Known timelines are 1, 2.");
    target.timeline = "nonsense";
    EXPECT_EQ(Resolve().error().code, ErrorCode::kInvalidArgument);
}

TEST_F(TargetTest, Resolve_Time_TakesTheLatestBackupThatEndedBefore) {
    EXPECT_EQ(Must(ResolveTime(39)).backup.backup_id(), story.b.id);
    EXPECT_EQ(Must(ResolveTime(39)).end_lsn, story.lsn[103]);
    // Backup B began at second 25.
    EXPECT_EQ(Must(ResolveTime(24)).backup.backup_id(), story.a.id);
    EXPECT_EQ(Must(ResolveTime(24)).end_lsn, story.lsn[102]);
    EXPECT_EQ(Must(ResolveTime(24)).end_commit_us, At(20));
}

TEST_F(TargetTest, Resolve_TimeOfACommit_IsInclusiveUnlessSaidOtherwise) {
    // The abort at second 45 is the first transaction end later than 40.
    EXPECT_EQ(Must(ResolveTime(40)).end_lsn, story.lsn[104]);
    target.exclusive = true;
    EXPECT_EQ(Must(ResolveTime(40)).end_lsn, story.lsn[103]);
}

TEST_F(TargetTest, Resolve_TimeAcrossTheBranch_FollowsTheChild) {
    const RestorePlan plan = Must(ResolveTime(62));
    EXPECT_EQ(plan.end_lsn, story.lsn[207]);
    EXPECT_EQ(plan.end_commit_us, At(61));
    target.timeline = "1";
    EXPECT_EQ(Must(ResolveTime(62)).end_lsn, story.lsn[107]);
}

TEST_F(TargetTest, Resolve_TimeBeforeTheFirstBackup_SaysTheFirstMoment) {
    const auto plan = ResolveTime(4);
    ExpectUnreachable(plan, "lies before the end of the first backup");
    EXPECT_NE(plan.error().detail.find(story.a.id), std::string::npos) << plan.error().detail;
    EXPECT_NE(plan.error().detail.find(base::FormatTime(TimeAt(12))), std::string::npos);
}

TEST_F(TargetTest, Resolve_TimePastTheLastCommit_NamesIt) {
    const auto plan = ResolveTime(81);
    ExpectUnreachable(plan, "the archived WAL ends before the recovery target time");
    EXPECT_NE(plan.error().detail.find(base::FormatTime(TimeAt(80))), std::string::npos)
        << plan.error().detail;
    EXPECT_NE(plan.error().detail.find(story.lsn[208].ToString()), std::string::npos);
    EXPECT_FALSE(plan.error().hint.empty());
}

TEST_F(TargetTest, Resolve_TimeOfTheVeryLastCommit_BecomesItsLsn) {
    const RestorePlan plan = Must(ResolveTime(80));
    EXPECT_EQ(plan.effective_target.kind, TargetKind::kLsn);
    EXPECT_EQ(plan.effective_target.lsn, story.lsn[208]);
    EXPECT_FALSE(plan.effective_target.exclusive);
}

TEST_F(TargetTest, Resolve_Lsn_IsReachedFromABackupThatEndedBefore) {
    EXPECT_EQ(Must(ResolveLsn(story.lsn[103])).backup.backup_id(), story.b.id);
    EXPECT_EQ(Must(ResolveLsn(story.lsn[102])).backup.backup_id(), story.a.id);
    EXPECT_EQ(Must(ResolveLsn(story.b.stop)).backup.backup_id(), story.b.id);
}

TEST_F(TargetTest, Resolve_LsnOutsideTheArchive_IsUnreachable) {
    ExpectUnreachable(ResolveLsn(Lsn{0x1000}), "lies before the end of the first backup");
    ExpectUnreachable(ResolveLsn(Lsn{0x9000000}), "the archived WAL ends before");
}

TEST_F(TargetTest, Resolve_Xid_IsFoundWhereItEnded) {
    const RestorePlan plan = Must(ResolveXid(103));
    EXPECT_EQ(plan.backup.backup_id(), story.b.id);
    EXPECT_EQ(plan.end_commit_us, At(40));
    target.exclusive = true;
    EXPECT_EQ(Must(ResolveXid(103)).end_lsn, story.lsn[103]);
}

TEST_F(TargetTest, Resolve_XidOfTheOtherTimeline_HintsAtIt) {
    const auto plan = ResolveXid(107);
    ExpectUnreachable(plan, "transaction 107 did not end in the archived WAL");
    EXPECT_NE(plan.error().hint.find("--target-timeline 1"), std::string::npos)
        << plan.error().ToString();
    ExpectUnreachable(ResolveXid(4000), "did not end in the archived WAL");
}

TEST_F(TargetTest, Resolve_Name_LeadsToTheRestorePoint) {
    EXPECT_EQ(Must(ResolveName("alpha")).end_lsn, story.alpha);
    EXPECT_EQ(Must(ResolveName("alpha")).backup.backup_id(), story.a.id);
    EXPECT_EQ(Must(ResolveName("beta")).backup.backup_id(), story.b.id);
    const auto plan = ResolveName("gamma");
    ExpectUnreachable(plan, "there is no restore point \"gamma\"");
    EXPECT_NE(plan.error().detail.find("\"beta\""), std::string::npos) << plan.error().detail;
}

TEST_F(TargetTest, Resolve_Immediate_EndsWithTheLatestBackup) {
    target.kind = TargetKind::kImmediate;
    const RestorePlan plan = Must(Resolve());
    EXPECT_EQ(plan.backup.backup_id(), story.b.id);
    EXPECT_EQ(plan.end_lsn, story.b.stop);
    EXPECT_EQ(plan.wal_segments, 2u);
}

TEST_F(TargetTest, Resolve_NamedBackup_IsTakenOrRefused) {
    EXPECT_EQ(Must(Resolve(story.a.id)).backup.backup_id(), story.a.id);
    target.kind = TargetKind::kTime;
    target.time = TimeAt(24);
    ExpectUnreachable(Resolve(story.b.id), "lies before the end of backup " + story.b.id);
    EXPECT_EQ(Resolve("20261122T110000Z-full-cccc").error().code, ErrorCode::kNotFound);
}

TEST_F(TargetTest, Resolve_BackupOnTheAbandonedPart_DoesNotLeadToTheChild) {
    test::CommitBackup(repository, {"20261122T120000Z-full-dddd", story.lsn[106],
                                    Lsn{story.lsn[107].value + 8}, 60, 64});
    EXPECT_EQ(Must(Resolve()).backup.backup_id(), story.b.id);
    target.timeline = "1";
    EXPECT_EQ(Must(Resolve()).backup.backup_id(), "20261122T120000Z-full-dddd");
}

}  // namespace
}  // namespace agri::engine

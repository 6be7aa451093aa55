// Recovery targets when a WAL object is damaged or not of this repository: it hinders what needs
// it, and nothing else.
#include "engine/report.hpp"
#include "engine/target_fixture.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using base::Lsn;
using test::At;
using test::Must;
using test::SegmentName;

class TargetDamageTest : public test::TargetFixture {
   protected:
    void ExpectNeeded(const base::Result<RestorePlan>& plan, const std::string& segment) {
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt) << plan.error().ToString();
        EXPECT_NE(plan.error().message.find(KeyOf(segment)), std::string::npos)
            << plan.error().message;
        EXPECT_FALSE(plan.error().hint.empty());
    }
    static void ExpectWarning(const RestorePlan& plan, const std::string& segment) {
        ASSERT_EQ(plan.warnings.size(), 1u);
        EXPECT_NE(plan.warnings[0].find(segment), std::string::npos) << plan.warnings[0];
    }
};

TEST_F(TargetDamageTest, Resolve_DamageBeforeTheBackup_IsPassedOver) {
    const std::string old = SegmentName(1, 0x21);
    Spoil(old);
    EXPECT_EQ(Must(Resolve()).end_commit_us, At(80));
    EXPECT_EQ(Must(ResolveTime(62)).end_lsn, story.lsn[207]);
    EXPECT_EQ(Must(ResolveLsn(story.lsn[103])).backup.backup_id(), story.b.id);
    EXPECT_EQ(Must(ResolveXid(103)).end_commit_us, At(40));
    const RestorePlan plan = Must(ResolveName("beta"));
    EXPECT_EQ(plan.backup.backup_id(), story.b.id);
    EXPECT_EQ(plan.end_lsn, story.beta);
    ExpectWarning(plan, old);
}

TEST_F(TargetDamageTest, Resolve_NamedBackup_NothingBeforeItIsRead) {
    Spoil(SegmentName(1, 0x20));
    Spoil(SegmentName(1, 0x21));
    target.kind = TargetKind::kName;
    target.name = "beta";
    EXPECT_TRUE(Must(Resolve(story.b.id)).warnings.empty());
    target.name = "alpha";
    ExpectUnreachable(Resolve(story.b.id), "there is no restore point \"alpha\"");
}

TEST_F(TargetDamageTest, Resolve_DamageBetweenBackupAndTarget_IsNamed) {
    const std::string needed = SegmentName(1, 0x23);
    Spoil(needed);
    ExpectNeeded(ResolveName("beta"), needed);
    ExpectNeeded(ResolveTime(45), needed);
    ExpectNeeded(ResolveLsn(story.lsn[103]), needed);
    target.timeline = "1";
    ExpectNeeded(ResolveXid(105), needed);
}

TEST_F(TargetDamageTest, Resolve_DamagedContent_IsSeenWhereRecordsAreLookedAt) {
    const std::string needed = SegmentName(2, 0x25);
    Damage(needed);
    ExpectNeeded(ResolveTime(75), needed);
}

TEST_F(TargetDamageTest, Resolve_DamagedEnd_TheEndIsNotReached) {
    const std::string last = SegmentName(2, 0x26);
    Spoil(last);
    ExpectNeeded(Resolve(), last);
    ExpectNeeded(ResolveLsn(story.lsn[208]), last);
    const RestorePlan plan = Must(ResolveName("beta"));
    EXPECT_EQ(plan.end_lsn, story.beta);
    ExpectWarning(plan, last);
}

TEST_F(TargetDamageTest, Resolve_TargetNotFound_SaysWhatCouldNotBeRead) {
    const std::string damaged = SegmentName(1, 0x21);
    Spoil(damaged);
    const auto plan = ResolveName("alpha");
    ExpectUnreachable(plan, "there is no restore point \"alpha\"");
    EXPECT_NE(plan.error().detail.find(KeyOf(damaged)), std::string::npos) << plan.error().detail;
}

TEST_F(TargetDamageTest, ListRecoveryWindows_DamagedEnd_TheWindowEndsBeforeIt) {
    const std::string last = SegmentName(2, 0x26);
    Spoil(last);
    const auto listed = Must(ListRecoveryWindows(repository.incarnation(), context.get()));
    ASSERT_EQ(listed.windows.size(), 2u);
    EXPECT_EQ(listed.windows[0].to_us, At(65));
    EXPECT_EQ(listed.windows[1].to_us, At(70));
    EXPECT_EQ(listed.windows[1].to_lsn, Lsn{0x2600000});
    ASSERT_EQ(listed.problems.size(), 1u);
    EXPECT_EQ(listed.problems.begin()->first, KeyOf(last));
}

TEST_F(TargetDamageTest, DescribeRepository_DamagedObjects_AreListedBesideTheRest) {
    const std::string gap = repository.incarnation().keys().Gap({1}, Lsn{0x2200000});
    repository.disk->Overwrite(gap, base::Bytes(200));
    Spoil("000000010000000000000026.partial");
    Spoil(SegmentName(1, 0x20));
    const auto report =
        Must(DescribeRepository(repository.incarnation(), RepositorySettings(), context.get()));
    EXPECT_EQ(report["backups"].size(), 2u);
    EXPECT_EQ(report["recovery_window"].size(), 2u);
    EXPECT_EQ(report["wal_archive"].size(), 2u);
    ASSERT_EQ(report["wal_problems"].size(), 3u);
    const std::string text = report["wal_problems"].dump();
    for (const std::string& object :
         {gap, KeyOf("000000010000000000000026.partial"), KeyOf(SegmentName(1, 0x20))})
        EXPECT_NE(text.find(object), std::string::npos) << object << " is not in " << text;
}

}  // namespace
}  // namespace agri::engine

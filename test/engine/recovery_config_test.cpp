// Recovery settings and the quoting under them.
#include "engine/recovery_config.hpp"

#include <gtest/gtest.h>

#include "engine/quoting.hpp"
#include "engine/start_command.hpp"

namespace agri::engine {
namespace {

RestorePlan PlanTo(const RecoveryTarget& target) {
    RestorePlan plan;
    plan.target_timeline = {1};
    plan.effective_target = target;
    return plan;
}

TEST(RecoveryConfig, Lines_Target_ComesAfterTheOthersAreReset) {
    RecoveryTarget target;
    target.kind = TargetKind::kLsn;
    target.lsn = base::Lsn{0x16B374D848};
    target.exclusive = true;
    target.action = TargetAction::kPause;
    const std::string lines = RecoverySettingLines(PlanTo(target), {}, "fetch '%f'");
    EXPECT_EQ(lines,
              "restore_command = 'fetch ''%f'''\n"
              "recovery_target_timeline = '1'\n"
              "recovery_target = ''\n"
              "recovery_target_time = ''\n"
              "recovery_target_xid = ''\n"
              "recovery_target_name = ''\n"
              "recovery_target_lsn = '16/B374D848'\n"
              "recovery_target_inclusive = 'off'\n"
              "recovery_target_action = 'pause'\n");
}

TEST(RecoveryConfig, Lines_Time_HasANumericOffset) {
    RecoveryTarget target;
    target.kind = TargetKind::kTime;
    target.time = *base::ParseTimeWithOffset("2026-11-22 21:15:01.123456+01");
    EXPECT_NE(RecoverySettingLines(PlanTo(target), {}, "x")
                  .find("recovery_target_time = '2026-11-22 20:15:01.123456+00'\n"),
              std::string::npos);
}

TEST(RecoveryConfig, Lines_TimelineWithoutAnyHistory_IsCurrent) {
    RestorePlan plan = PlanTo({});
    plan.target_timeline = {3};
    plan.backup.set_stop_timeline(3);
    EXPECT_NE(RecoverySettingLines(plan, {}, "x").find("timeline = 'current'"), std::string::npos);
    plan.timeline_history_archived = true;
    EXPECT_NE(RecoverySettingLines(plan, {}, "x").find("timeline = '3'"), std::string::npos);
}

TEST(RecoveryConfig, Lines_DamageBehindTheTarget_IsNotReadAhead) {
    RestorePlan plan = PlanTo({});
    EXPECT_EQ(RecoverySettingLines(plan, {}, "x").find("recovery_prefetch"), std::string::npos);
    plan.reads_ahead = false;
    EXPECT_NE(RecoverySettingLines(plan, {}, "x").find("recovery_prefetch = 'off'\n"),
              std::string::npos);
}

TEST(RecoveryConfig, Lines_Clone_NeitherArchivesNorReplicates) {
    RestoreRequest request;
    const std::string original = RecoverySettingLines(PlanTo({}), request, "x");
    request.role = RestoreRole::kClone;
    const std::string own = "archive_mode = 'off'\nmax_logical_replication_workers = '0'\n";
    EXPECT_EQ(RecoverySettingLines(PlanTo({}), request, "x"), own + original);
    request.recovery = RecoverySettings::kLeaveAlone;
    EXPECT_EQ(RecoverySettingLines(PlanTo({}), request, "x"), own);
}

TEST(RecoveryConfig, Lines_Standby_FollowsTheLatestUnlessThatWasLeft) {
    RestorePlan plan = PlanTo({});
    plan.target_timeline = {2};
    plan.timeline_history_archived = true;
    RestoreRequest request;
    request.role = RestoreRole::kStandby;
    EXPECT_NE(RecoverySettingLines(plan, request, "x").find("timeline = 'latest'"),
              std::string::npos);
    plan.left_timeline = base::TimelineId{3};
    EXPECT_NE(RecoverySettingLines(plan, request, "x").find("timeline = '2'"), std::string::npos);
}

TEST(RecoveryConfig, Merge_EarlierBlock_IsReplaced) {
    const std::string once = MergeAutoConfig("work_mem = '8MB'", "a = '1'\n");
    EXPECT_TRUE(once.starts_with("work_mem = '8MB'\n"));
    const std::string twice = MergeAutoConfig(once, "b = '2'\n");
    EXPECT_EQ(twice.find("a = '1'"), std::string::npos);
    EXPECT_NE(twice.find("b = '2'"), std::string::npos);
    EXPECT_EQ(MergeAutoConfig(once, ""), "work_mem = '8MB'\n");
}

TEST(RecoveryConfig, RestoreCommand_OddPaths_AreQuotedForShellAndPercents) {
    RestoreRequest request;
    request.config_argument = "--config '/etc/my 100% file'";
    EXPECT_EQ(MakeRestoreCommand(request, "/opt/it's/agri_backup").value(),
              "'/opt/it'\\''s/agri_backup' --config '/etc/my 100%% file' wal-fetch \"%f\" \"%p\"");
    request.config_argument = "--config 'a\nb'";
    EXPECT_FALSE(MakeRestoreCommand(request, "/usr/bin/agri_backup"));
}

TEST(Quoting, EachLanguage_QuotesItsOwn) {
    EXPECT_EQ(ShellQuote("/plain/path-1.2"), "/plain/path-1.2");
    EXPECT_EQ(ShellQuote(""), "''");
    EXPECT_EQ(ShellQuote("$HOME `x`"), "'$HOME `x`'");
    EXPECT_EQ(ConfigQuote("C:\\it's"), "'C:\\\\it''s'");
    EXPECT_EQ(EscapePercent("100%f"), "100%%f");
}

TEST(StartCommand, Plain_NamesDirectoryAndUser) {
    StartFacts facts;
    facts.data_directory = "/srv/my data";
    facts.major_version = 15;
    facts.run_as = "sudo -u postgres";
    facts.bin_folder = "/usr/lib/postgresql/15/bin";
    const StartCommand start = MakeStartCommand(facts);
    EXPECT_EQ(start.command,
              "sudo -u postgres /usr/lib/postgresql/15/bin/pg_ctl -D '/srv/my data' "
              "-l '/srv/my data/agri_backup_start.log' start");
    EXPECT_TRUE(start.notes.empty());
}

TEST(StartCommand, ConfigurationGone_UsesTheRestoredOne) {
    StartFacts facts;
    facts.data_directory = "/srv/data";
    facts.bin_folder = "/bin";
    facts.role = RestoreRole::kClone;
    facts.configuration["config_file"] = {"/nonexistent/postgresql.conf",
                                          "/srv/data/c/postgresql.conf"};
    facts.configuration["hba_file"] = {"/nonexistent/pg_hba.conf", "/srv/data/c/pg_hba.conf"};
    EXPECT_EQ(MakeStartCommand(facts).command,
              "/bin/pg_ctl -D /srv/data -l /srv/data/agri_backup_start.log -o '-c "
              "config_file=/srv/data/c/postgresql.conf -c hba_file=/srv/data/c/pg_hba.conf -c "
              "data_directory=/srv/data -c external_pid_file='\\'''\\''' start");
}

}  // namespace
}  // namespace agri::engine

// Restores over what is already there: --delta, and restores that were interrupted.
#include "engine/restore_fixture.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::FileText;
using test::Must;

class RestoreDeltaTest : public test::RestoreFixture {
   protected:
    void Change(const std::string& path, uint64_t offset, std::string_view bytes) {
        base::Fd fd = Must(base::OpenFile(Restored(path), O_WRONLY));
        Must(base::WriteAllAt(fd.get(), offset, base::AsBytes(bytes), path));
    }
};

TEST_F(RestoreDeltaTest, RunRestore_Delta_RewritesWhatDiffersOnly) {
    Backup();
    Must(Run());
    Change("base/5/16384", 5, "XXXXX");
    Change("base/5/16384", (5u << 20) + 7, "not zero");
    std::filesystem::resize_file(Restored("base/5/1259"), 100);
    std::filesystem::remove(Restored("base/1/20001"));
    WriteToTarget("base/5/99999", "a relation that the backup does not have");
    WriteToTarget("base/77/1", "a database that the backup does not have");
    request.existing = ExistingFiles::kDelta;
    const RestoreResult result = Must(Run());
    ExpectRestored();
    ExpectManifestMatches();
    EXPECT_FALSE(Exists(Restored("base/5/99999")));
    EXPECT_FALSE(Exists(Restored("base/77")));
    EXPECT_FALSE(Exists(Restored("global/pg_control.agri_backup_old")));
    EXPECT_FALSE(Exists(Restored("agri_backup.restore")));
    EXPECT_GT(result.rewritten_bytes, 0u);
    EXPECT_LT(result.rewritten_bytes, result.bytes / 2);
}

TEST_F(RestoreDeltaTest, RunRestore_DeltaOverTheSame_WritesAlmostNothing) {
    Backup();
    Must(Run());
    request.existing = ExistingFiles::kDelta;
    const RestoreResult result = Must(Run());
    ExpectRestored();
    // pg_control is always put in place anew; the configuration was changed by the first restore.
    EXPECT_LE(result.rewritten_bytes, 8192u + 1024u);
}

TEST_F(RestoreDeltaTest, RunRestore_DeltaOverSharedFiles_LeavesTheOtherNameAlone) {
    Backup();
    Must(Run());
    Change("base/5/1259", 0, "changed");
    std::filesystem::create_hard_link(Restored("base/5/1259"), place / "snapshot");
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    ExpectRestored();
    EXPECT_TRUE(FileText(place / "snapshot").starts_with("changed"));
}

TEST_F(RestoreDeltaTest, RunRestore_DeltaWithUnarchivedWal_SetsItAside) {
    Backup();
    Must(Run());
    wal::BuilderOptions options;
    options.major_version = 15;
    options.system_identifier = test::kTestSystem;
    options.first_segment = 0x22;
    wal::WalBuilder builder(options);
    builder.Filler();
    const std::string content(base::AsText(builder.Segment(0)));
    WriteToTarget("pg_wal/000000010000000000000022", content);
    WriteToTarget("pg_wal/000000010000000000000021", "archived: FakeServer put it");
    // Recycled: its name is ahead of its content.
    WriteToTarget("pg_wal/000000010000000000000023", content);
    request.existing = ExistingFiles::kDelta;
    const RestoreResult result = Must(Run());
    EXPECT_EQ(FileText(Restored("pg_wal/agri_backup_saved_wal/000000010000000000000022")), content);
    for (const char* name :
         {"000000010000000000000021", "000000010000000000000022", "000000010000000000000023"})
        EXPECT_FALSE(Exists(Restored(std::string("pg_wal/") + name))) << name;
    ASSERT_FALSE(result.notes.empty());
    EXPECT_NE(result.notes[0].find("1 WAL file "), std::string::npos) << result.notes[0];
}

TEST_F(RestoreDeltaTest, RunRestore_DeltaAsOriginal_KeepsTheWriterClaim) {
    Backup();
    Must(Run());
    WriteToTarget("agri_backup/claim", "claim");
    WriteToTarget("agri_backup/socket", "runtime");
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    EXPECT_EQ(FileText(Restored("agri_backup/claim")), "claim");
    EXPECT_FALSE(Exists(Restored("agri_backup/socket")));
    request.role = RestoreRole::kClone;
    Must(Run());
    EXPECT_FALSE(Exists(Restored("agri_backup/claim")));
}

TEST_F(RestoreDeltaTest, RunRestore_DeltaOverALinkedWalFolder_LeavesItsContent) {
    Backup();
    Must(Run());
    std::filesystem::remove_all(Restored("pg_wal"));
    test::TestCluster::WriteFile(place / "wal/000000010000000000000022", "only copy");
    ASSERT_EQ(symlink((place / "wal").c_str(), Restored("pg_wal").c_str()), 0);
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    EXPECT_TRUE(Exists(place / "wal/000000010000000000000022"));
    EXPECT_FALSE(std::filesystem::is_symlink(Restored("pg_wal")));
}

TEST_F(RestoreDeltaTest, RunRestore_Interrupted_CannotBeStartedAndGoesOn) {
    const std::string id = Backup();
    context.settings.parallel = 1;
    const auto interrupted = RunUntil(0.8);
    ASSERT_FALSE(interrupted);
    EXPECT_EQ(interrupted.error().code, ErrorCode::kUnavailable);
    EXPECT_FALSE(Exists(Restored("global/pg_control")));
    EXPECT_EQ(nlohmann::json::parse(FileText(Restored("agri_backup.restore")))["backup_id"], id);

    Must(Run());
    ExpectRestored();
    ExpectManifestMatches();
    EXPECT_FALSE(Exists(Restored("agri_backup.restore")));
}

TEST_F(RestoreDeltaTest, RunRestore_InterruptedAtAnyPoint_GoesOnOrBeginsAnew) {
    Backup();
    context.settings.parallel = 1;
    for (double part = 0.05; part < 1; part += 0.05) {
        const bool is_done = RunUntil(part).has_value();
        EXPECT_EQ(Exists(Restored("global/pg_control")), is_done) << part;
        if (is_done) break;
    }
    if (!Exists(Restored("global/pg_control"))) Must(Run());
    ExpectRestored();
    ExpectManifestMatches();
}

TEST_F(RestoreDeltaTest, RunRestore_InterruptedThenANewerBackup_GoesOnWithItsOwn) {
    const std::string id = Backup();
    context.settings.parallel = 1;
    ASSERT_FALSE(RunUntil(0.8));
    context.clock.Advance(std::chrono::seconds(5));
    server.stop_lsn = base::Lsn{0x2100200};
    Backup();
    EXPECT_EQ(Must(Run()).plan.backup.backup_id(), id);
}

TEST_F(RestoreDeltaTest, RunRestore_InterruptedThenAnotherBackupAskedFor_NeedsDelta) {
    Backup();
    context.settings.parallel = 1;
    ASSERT_FALSE(RunUntil(0.8));
    context.clock.Advance(std::chrono::seconds(5));
    cluster.Write("base/5/1259", base::AsText(test::Noise(5 * 8192, 99)));
    request.backup_id = Backup();
    EXPECT_EQ(Run().error().code, ErrorCode::kConflict);
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    ExpectRestored();
}

TEST_F(RestoreDeltaTest, RunRestore_Cancelled_SaysSoAndHowToGoOn) {
    Backup();
    request.on_plan = [&](const RestorePlan&) { context.cancel.Cancel(); };
    const auto result = Run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
    EXPECT_NE(result.error().hint.find("the same command"), std::string::npos);
    EXPECT_FALSE(Exists(Restored("global/pg_control")));
}

}  // namespace
}  // namespace agri::engine

// Restores into fresh folders: every byte, every attribute, every link, and what is added to them.
#include "engine/restore.hpp"

#include <pwd.h>

#include "engine/restore_fixture.hpp"
#include "repo/user_key.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::FileText;
using test::Must;

class RestoreTest : public test::RestoreFixture {
   protected:
    std::string AutoConf() const { return FileText(Restored("postgresql.auto.conf")); }
};

TEST_F(RestoreTest, RunRestore_FreshFolder_EveryByteComesBack) {
    const std::string id = Backup();
    const RestoreResult result = Must(Run());
    ExpectRestored();
    ExpectManifestMatches();
    EXPECT_EQ(result.plan.backup.backup_id(), id);
    EXPECT_EQ(result.bytes, result.plan.backup.statistics().bytes());
    EXPECT_EQ(result.files, result.plan.backup.statistics().files());
    EXPECT_EQ(result.rewritten_bytes, result.bytes);
    EXPECT_EQ(context.progress.bytes_done, context.progress.bytes_total);
    EXPECT_FALSE(Exists(Restored("postmaster.pid")));
    EXPECT_FALSE(Exists(Restored("agri_backup.restore")));
    EXPECT_FALSE(Exists(Restored("global/pg_control.agri_backup_new")));
    EXPECT_TRUE(Exists(Restored("pg_wal/archive_status")));
    EXPECT_TRUE(Exists(Restored("pg_notify")));
    EXPECT_EQ(FileText(Restored("backup_label")), "START WAL LOCATION: 0/2000028\n");
}

TEST_F(RestoreTest, RunRestore_FileAttributes_AreThoseOfTheCluster) {
    ASSERT_EQ(chmod(cluster.Path("base/5/1259").c_str(), 0640), 0);
    ASSERT_EQ(chmod(cluster.Path("base").c_str(), 0750), 0);
    const timespec times[2] = {{1'700'000'000, 123'000'000}, {1'700'000'000, 123'000'000}};
    for (const char* path : {"base/5/1259", "base/5", "base"})
        ASSERT_EQ(utimensat(AT_FDCWD, cluster.Path(path).c_str(), times, 0), 0);
    Backup();
    Must(Run());
    struct stat file, folder;
    ASSERT_EQ(stat(Restored("base/5/1259").c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0640u);
    EXPECT_EQ(file.st_mtim.tv_sec, 1'700'000'000);
    EXPECT_EQ(file.st_mtim.tv_nsec, 123'000'000);
    ASSERT_EQ(stat(Restored("base").c_str(), &folder), 0);
    EXPECT_EQ(folder.st_mode & 07777, 0750u);
    EXPECT_EQ(folder.st_mtim.tv_sec, 1'700'000'000);
}

// Root can read the key, the server that will ask for WAL with it cannot.
TEST_F(RestoreTest, RunRestore_ByRootForAnother_NamesTheKeyThatIsRootsAlone) {
    if (geteuid() != 0) GTEST_SKIP() << "only root restores for another user";
    const passwd* nobody = getpwnam("nobody");
    ASSERT_NE(nobody, nullptr);
    ASSERT_EQ(chown(cluster.data().c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    Backup();
    const std::string key = place / "key";
    Must(repo::CreateUserKeyFile(key, base::SystemRandom()));
    context.settings.repositories = {{.name = "main", .uri = "memory:", .key_uri = "file://" + key}};
    const auto says = [&] {
        request.target_directory += "+";
        const auto notes = Must(Run()).notes;
        return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
            return note.find("nobody, who cannot read the key \"file://" + key) != note.npos;
        });
    };
    EXPECT_TRUE(says());
    ASSERT_EQ(chmod(key.c_str(), 0640), 0);
    ASSERT_EQ(chown(key.c_str(), 0, nobody->pw_gid), 0);
    EXPECT_FALSE(says()) << "readable by the group";
    ASSERT_EQ(chmod(key.c_str(), 0600), 0);
    ASSERT_EQ(chown(key.c_str(), nobody->pw_uid, 0), 0);
    EXPECT_FALSE(says()) << "the server's own";
}

TEST_F(RestoreTest, RunRestore_ZeroRanges_StayHoles) {
    Backup();
    Must(Run());
    struct stat info;
    ASSERT_EQ(stat(Restored("base/5/16384").c_str(), &info), 0);
    EXPECT_LT(static_cast<uint64_t>(info.st_blocks) * 512, 8u << 20);
}

TEST_F(RestoreTest, RunRestore_SeveralPiecesOfALargeFile_AreJoined) {
    cluster.Write("base/5/16999", std::string(150u << 20, 'q') + "end");
    Backup();
    Must(Run());
    ExpectRestored();
}

TEST_F(RestoreTest, RunRestore_Original_RecoversAndArchives) {
    Backup();
    Must(Run());
    const std::string conf = AutoConf();
    EXPECT_TRUE(conf.starts_with("work_mem = '8MB'\n")) << conf;
    EXPECT_NE(conf.find("restore_command = 'fetch %f %p'\n"), std::string::npos) << conf;
    EXPECT_NE(conf.find("recovery_target_timeline = '1'\n"), std::string::npos) << conf;
    EXPECT_EQ(conf.find("archive_mode"), std::string::npos);
    EXPECT_TRUE(Exists(Restored("recovery.signal")));
    EXPECT_FALSE(Exists(Restored("standby.signal")));
    EXPECT_EQ(nlohmann::json::parse(FileText(Restored("agri_backup/role")))["role"], "original");
}

TEST_F(RestoreTest, RunRestore_Clone_NeverArchives) {
    Backup();
    request.role = RestoreRole::kClone;
    Must(Run());
    EXPECT_NE(AutoConf().find("archive_mode = 'off'\n"), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(FileText(Restored("agri_backup/role")))["role"], "clone");
    ExpectManifestMatches();
}

TEST_F(RestoreTest, RunRestore_Standby_FollowsTheLatestTimeline) {
    Backup();
    request.role = RestoreRole::kStandby;
    Must(Run());
    EXPECT_TRUE(Exists(Restored("standby.signal")));
    EXPECT_FALSE(Exists(Restored("recovery.signal")));
    EXPECT_NE(AutoConf().find("recovery_target_timeline = 'latest'\n"), std::string::npos);
}

TEST_F(RestoreTest, RunRestore_RecoveryLeftAlone_WritesNone) {
    Backup();
    request.recovery = RecoverySettings::kLeaveAlone;
    Must(Run());
    EXPECT_EQ(AutoConf(), "work_mem = '8MB'\n");
    EXPECT_FALSE(Exists(Restored("recovery.signal")));
}

TEST_F(RestoreTest, RunRestore_SignalsOfTheBackup_AreNotCarriedOver) {
    cluster.Write("standby.signal", "");
    cluster.Write("backup_label.old", "old");
    Backup();
    Must(Run());
    EXPECT_FALSE(Exists(Restored("standby.signal")));
    EXPECT_FALSE(Exists(Restored("backup_label.old")));
}

TEST_F(RestoreTest, RunRestore_Plan_IsToldBeforeAnythingIsWritten) {
    Backup();
    bool was_empty = false;
    request.on_plan = [&](const RestorePlan&) { was_empty = !Exists(request.target_directory); };
    Must(Run());
    EXPECT_TRUE(was_empty);
}

TEST_F(RestoreTest, RunRestore_UnreachableTarget_WritesNothing) {
    Backup();
    request.target.kind = TargetKind::kLsn;
    request.target.lsn = base::Lsn{0x9000000};
    EXPECT_EQ(Run().error().code, ErrorCode::kUnreachableTarget);
    EXPECT_FALSE(Exists(request.target_directory));
}

TEST_F(RestoreTest, RunRestore_ConfigurationFromOutside_IsPutBeside) {
    const std::string config = cluster.Outside("etc/main/postgresql.conf");
    const std::string content =
        "port = 5433\n include_dir = 'conf.d' # empty\ninclude_dir '../up'\n";
    test::TestCluster::WriteFile(config, content);
    server.facts.config_files = {{"config_file", config}};
    Backup();
    test::TestCluster::WriteFile(config, "changed since\n");
    const RestoreResult result = Must(Run());
    EXPECT_EQ(result.configuration_folder, Restored("agri_backup_restored_config"));
    EXPECT_EQ(FileText(result.configuration_folder + config), content);
    // Else the server would not start on it.
    EXPECT_TRUE(Exists(result.configuration_folder + cluster.Outside("etc/main/conf.d")));
    EXPECT_FALSE(Exists(result.configuration_folder + cluster.Outside("etc/up")));
    EXPECT_EQ(FileText(config), "changed since\n");
    ExpectManifestMatches();
    // This machine still has its own: the command uses it, a note has the other.
    EXPECT_NE(result.start_command.find("config_file=" + config), std::string::npos)
        << result.start_command;
    EXPECT_NE(result.start_command.find("data_directory=" + request.target_directory),
              std::string::npos);
    bool has_alternative = false;
    for (const std::string& note : result.notes)
        has_alternative |= note.find(result.configuration_folder + config) != std::string::npos;
    EXPECT_TRUE(has_alternative);
}

class TablespaceRestoreTest : public RestoreTest {
   protected:
    TablespaceRestoreTest() {
        test::TestCluster::WriteFile(old_place + "/PG_15_202209061/5/16500", "in a tablespace");
        test::TestCluster::WriteFile(old_place + "/PG_14_202107181/5/16500", "another version's");
        cluster.Link("pg_tblspc/16400", old_place);
        server.tablespace_map = "16400 " + old_place + "\n";
        Backup();
    }
    void ExpectTablespaceAt(const std::string& new_place) {
        Must(Run());
        EXPECT_EQ(std::filesystem::read_symlink(Restored("pg_tblspc/16400")), new_place);
        EXPECT_EQ(FileText(Restored("pg_tblspc/16400/PG_15_202209061/5/16500")), "in a tablespace");
        EXPECT_FALSE(Exists(new_place + "/PG_14_202107181/5/16500"));
        EXPECT_FALSE(Exists(Restored("tablespace_map")));
        ExpectManifestMatches();
    }
    const std::string old_place = cluster.Outside("space");
};

TEST_F(TablespaceRestoreTest, RunRestore_MappedByOid_IsLinkedToTheNewPlace) {
    request.tablespace_map = {{"16400", place / "new"}};
    ExpectTablespaceAt(place / "new");
}

TEST_F(TablespaceRestoreTest, RunRestore_MappedByPath_IsLinkedToTheNewPlace) {
    request.tablespace_map = {{old_place, place / "new"}};
    ExpectTablespaceAt(place / "new");
}

TEST_F(TablespaceRestoreTest, RunRestore_BaseFolder_HoldsOneFolderATablespace) {
    request.tablespace_base = place / "spaces";
    ExpectTablespaceAt(place / "spaces/16400");
}

TEST_F(TablespaceRestoreTest, RunRestore_OriginalPlaceInUse_IsRefused) {
    const auto result = Run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kAlreadyExists);
    EXPECT_NE(result.error().message.find(old_place), std::string::npos);
    EXPECT_FALSE(Exists(request.target_directory));
}

TEST_F(TablespaceRestoreTest, RunRestore_OriginalPlaceFreed_IsUsedAgain) {
    std::filesystem::remove_all(old_place + "/PG_15_202209061");
    Must(Run());
    EXPECT_EQ(FileText(Restored("pg_tblspc/16400/PG_15_202209061/5/16500")), "in a tablespace");
    EXPECT_TRUE(Exists(old_place + "/PG_14_202107181/5/16500"));
}

TEST_F(TablespaceRestoreTest, RunRestore_UnknownTablespace_NamesTheKnownOnes) {
    request.tablespace_map = {{"99", place / "new"}};
    const auto result = Run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().detail.find("16400"), std::string::npos) << result.error().detail;
}

TEST_F(TablespaceRestoreTest, RunRestore_TablespaceInsideTheTarget_IsRefused) {
    request.tablespace_map = {{"16400", request.target_directory + "/space"}};
    EXPECT_EQ(Run().error().code, ErrorCode::kInvalidArgument);
}

TEST_F(RestoreTest, RunRestore_InPlaceTablespace_IsAPlainFolder) {
    cluster.Write("pg_tblspc/16401/PG_15_202209061/5/16600", "in place");
    Backup();
    Must(Run());
    EXPECT_TRUE(std::filesystem::is_directory(Restored("pg_tblspc/16401")));
    EXPECT_FALSE(std::filesystem::is_symlink(Restored("pg_tblspc/16401")));
    ExpectRestored();
}

TEST_F(RestoreTest, RunRestore_WalFolder_IsMadeAndLinked) {
    Backup();
    request.wal_directory = place / "wal";
    Must(Run());
    EXPECT_EQ(std::filesystem::read_symlink(Restored("pg_wal")), place / "wal");
    EXPECT_TRUE(Exists(place / "wal/archive_status"));
    struct stat info;
    ASSERT_EQ(stat((place / "wal").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(RestoreTest, RunRestore_WalWasElsewhere_IsInsideAndSaidSo) {
    std::filesystem::remove_all(cluster.Path("pg_wal"));
    std::filesystem::create_directories(cluster.Outside("wal/archive_status"));
    cluster.Link("pg_wal", cluster.Outside("wal"));
    Backup();
    const RestoreResult result = Must(Run());
    EXPECT_FALSE(std::filesystem::is_symlink(Restored("pg_wal")));
    EXPECT_TRUE(Exists(Restored("pg_wal/archive_status")));
    bool is_said = false;
    for (const std::string& note : result.notes) is_said |= note.starts_with("pg_wal was at");
    EXPECT_TRUE(is_said);
}

}  // namespace
}  // namespace agri::engine

// Folders outside the target directory: whose they are is told by links and by the marker of an
// unfinished restore, never by the backup or the command line alone.
#include "engine/fake_postmaster.hpp"
#include "engine/restore_fixture.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::FileText;
using test::Must;

class RestorePlacesTest : public test::RestoreFixture {
   protected:
    RestorePlacesTest() {
        test::TestCluster::WriteFile(old_place + "/PG_15_202209061/5/16500", "in a tablespace");
        cluster.Link("pg_tblspc/16400", old_place);
        server.tablespace_map = "16400 " + old_place + "\n";
        Backup();
        request.tablespace_map = {{"16400", place / "space"}};
    }
    std::string RestoredSpace() const { return place / "space/PG_15_202209061/5/16500"; }
    // The marker of a version that named no folders in it.
    void ForgetFolders() {
        auto marker = nlohmann::json::parse(FileText(Restored("agri_backup.restore")));
        marker.erase("folders");
        WriteToTarget("agri_backup.restore", marker.dump());
    }

    const std::string old_place = cluster.Outside("space");
};

TEST_F(RestorePlacesTest, RunRestore_DeltaIntoNothingWithAForeignWalFolder_IsRefused) {
    test::TestCluster::WriteFile(place / "wal/precious", "mine");
    request.wal_directory = place / "wal";
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kAlreadyExists, "is not empty (\"precious\")");
    EXPECT_EQ(FileText(place / "wal/precious"), "mine");
    EXPECT_FALSE(Exists(request.target_directory));
}

TEST_F(RestorePlacesTest, RunRestore_DeltaIntoNothingWithAForeignTablespace_IsRefused) {
    request.tablespace_map.clear();
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kAlreadyExists, "pg_tblspc lead to");
    EXPECT_EQ(FileText(old_place + "/PG_15_202209061/5/16500"), "in a tablespace");
}

TEST_F(RestorePlacesTest, RunRestore_DeltaOverItsOwnFolders_RewritesThem) {
    request.wal_directory = place / "wal";
    Must(Run());
    test::TestCluster::WriteFile(RestoredSpace(), "changed");
    test::TestCluster::WriteFile(place / "space/PG_15_202209061/5/99999", "extra");
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    EXPECT_EQ(FileText(RestoredSpace()), "in a tablespace");
    EXPECT_FALSE(Exists(place / "space/PG_15_202209061/5/99999"));
}

TEST_F(RestorePlacesTest, RunRestore_DeltaOverATablespaceMadeAnewInPlace_RewritesIt) {
    Must(Run());
    std::filesystem::rename(Restored("pg_tblspc/16400"), Restored("pg_tblspc/16900"));
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    EXPECT_EQ(FileText(RestoredSpace()), "in a tablespace");
    EXPECT_FALSE(Exists(Restored("pg_tblspc/16900")));
}

TEST_F(RestorePlacesTest, RunRestore_TablespaceOfAServerElsewhere_IsRefusedEvenWhenLinked) {
    Must(Run());
    // A server that lives where no backup says, and uses the same folder.
    test::TestCluster::WriteFile(place / "other/PG_VERSION", "15\n");
    std::filesystem::create_directories(place / "other/global");
    std::filesystem::create_directories(place / "other/pg_tblspc");
    std::filesystem::create_directory_symlink(place / "space", place / "other/pg_tblspc/16400");
    test::FakePostmaster other(place / "other", "postgres");
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kClusterState, "of a running server are not apart");
    EXPECT_TRUE(Exists(Restored("global/pg_control")));
    EXPECT_EQ(FileText(RestoredSpace()), "in a tablespace");
}

TEST_F(RestorePlacesTest, RunRestore_FolderSharedWithAServerOfAnotherVersion_IsNoConflict) {
    test::TestCluster::WriteFile(place / "other/PG_VERSION", "14\n");
    std::filesystem::create_directories(place / "other/global");
    std::filesystem::create_directories(place / "other/pg_tblspc");
    test::TestCluster::WriteFile(place / "space/PG_14_202107181/5/1", "of the other");
    std::filesystem::create_directory_symlink(place / "space", place / "other/pg_tblspc/16400");
    test::FakePostmaster other(place / "other", "postgres");
    Must(Run());
    EXPECT_EQ(FileText(place / "space/PG_14_202107181/5/1"), "of the other");
}

TEST_F(RestorePlacesTest, RunRestore_Interrupted_GoesOnInItsOwnFoldersAlone) {
    context.settings.parallel = 1;
    request.wal_directory = place / "wal";
    ASSERT_FALSE(RunUntil(0.8));
    ASSERT_TRUE(Exists(place / "space/PG_15_202209061"));
    const RestoreRequest begun = request;

    request.tablespace_map.clear();
    ExpectRefused(ErrorCode::kAlreadyExists, "none of the folders that the unfinished restore");
    EXPECT_EQ(FileText(old_place + "/PG_15_202209061/5/16500"), "in a tablespace");

    test::TestCluster::WriteFile(place / "other_wal/precious", "mine");
    request = begun;
    request.wal_directory = place / "other_wal";
    ExpectRefused(ErrorCode::kAlreadyExists, "\"precious\"");

    request = begun;
    Must(Run());
    EXPECT_EQ(FileText(RestoredSpace()), "in a tablespace");
    ExpectManifestMatches();
}

TEST_F(RestorePlacesTest, RunRestore_InterruptedDelta_GoesOnThoughItsLinksAreGone) {
    request.wal_directory = place / "wal";
    Must(Run());
    context.settings.parallel = 1;
    request.existing = ExistingFiles::kDelta;
    bool is_done = false;
    for (double part = 0.05; part < 1 && !is_done; part += 0.1) {
        is_done = RunUntil(part).has_value();
        if (!is_done && Exists(Restored("agri_backup.restore"))) break;
    }
    ASSERT_FALSE(is_done);
    for (const char* link : {"pg_wal", "pg_tblspc/16400"}) std::filesystem::remove(Restored(link));
    Must(Run());
    EXPECT_EQ(FileText(RestoredSpace()), "in a tablespace");
}

TEST_F(RestorePlacesTest, RunRestore_InterruptedByAnOlderVersion_OwnsItsDirectoryAlone) {
    context.settings.parallel = 1;
    ASSERT_FALSE(RunUntil(0.8));
    ASSERT_TRUE(Exists(place / "space/PG_15_202209061"));
    ForgetFolders();
    ExpectRefused(ErrorCode::kAlreadyExists, "tablespace folder");
    std::filesystem::remove_all(place / "space");
    Must(Run());
    EXPECT_EQ(FileText(RestoredSpace()), "in a tablespace");
}

TEST_F(RestorePlacesTest, RunRestore_BelowAnotherDataDirectory_IsRefused) {
    test::TestCluster::WriteFile(place / "other/PG_VERSION", "15\n");
    std::filesystem::create_directories(place / "other/global");
    const std::string target = request.target_directory;
    request.target_directory = place / "other/new/below";
    ExpectRefused(ErrorCode::kConflict, "is within the data directory");
    EXPECT_FALSE(Exists(place / "other/new"));
    request.target_directory = target;
    std::filesystem::create_directory_symlink(place / "other", place / "link");
    request.tablespace_map = {{"16400", place / "link/space"}};
    ExpectRefused(ErrorCode::kConflict, "link/space");
}

}  // namespace
}  // namespace agri::engine

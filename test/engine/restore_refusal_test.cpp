// What a restore refuses, and that it leaves everything as it was then.
#include <gmock/gmock.h>
#include <sys/file.h>

#include "engine/fake_postmaster.hpp"
#include "engine/restore_fixture.hpp"
#include "engine/server_check.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::FakePostmaster;
using test::FileText;
using test::Must;

using RestoreRefusalTest = test::RestoreFixture;

TEST_F(RestoreRefusalTest, RunRestore_RelativeTarget_IsRefused) {
    Backup();
    request.target_directory = "relative/folder";
    ExpectRefused(ErrorCode::kInvalidArgument, "is not an absolute path");
}

// It would become a second primary by itself, and take the repository from the first.
TEST_F(RestoreRefusalTest, RunRestore_StandbyThatPromotesItself_IsRefused) {
    Backup();
    request.role = RestoreRole::kStandby;
    request.target.kind = TargetKind::kImmediate;
    request.target.action = TargetAction::kPromote;
    ExpectRefused(ErrorCode::kInvalidArgument, "a standby cannot promote itself");
    EXPECT_FALSE(Exists(request.target_directory));
    request.target.action = TargetAction::kPause;
    Must(Run());
    EXPECT_NE(FileText(Restored("postgresql.auto.conf")).find("recovery_target_action = 'pause'"),
              std::string::npos);
}

TEST_F(RestoreRefusalTest, RunRestore_FolderNotEmpty_IsRefused) {
    Backup();
    WriteToTarget("precious", "mine");
    ExpectRefused(ErrorCode::kAlreadyExists, "is not empty");
    EXPECT_EQ(FileText(Restored("precious")), "mine");
}

TEST_F(RestoreRefusalTest, RunRestore_DeltaOverAnythingElse_IsRefused) {
    Backup();
    WriteToTarget("precious", "mine");
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kConflict, "neither empty nor a PostgreSQL data directory");
    EXPECT_EQ(FileText(Restored("precious")), "mine");
}

TEST_F(RestoreRefusalTest, RunRestore_DeltaOverAnotherCluster_IsRefused) {
    Backup();
    WriteToTarget("PG_VERSION", "15\n");
    test::ControlFields fields;
    fields.system_identifier = 4711;
    WriteToTarget("global/pg_control", base::AsText(test::MakeControlFile(fields)));
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kConflict, "another cluster (system 4711");
    EXPECT_TRUE(Exists(Restored("global/pg_control")));
}

TEST_F(RestoreRefusalTest, RunRestore_ServerNamedByItsLockFile_IsRefusedEvenWithDelta) {
    Backup();
    WriteToTarget("PG_VERSION", "15\n");
    WriteToTarget("global/pg_control", base::AsText(test::MakeControlFile()));
    FakePostmaster server(request.target_directory, "anything");
    WriteToTarget("postmaster.pid",
                  fmt::format("{}\n{}\n", server.pid(), request.target_directory));
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kClusterState, fmt::format("process {}", server.pid()));
    EXPECT_TRUE(Exists(Restored("global/pg_control")));
}

TEST_F(RestoreRefusalTest, CheckNoServer_LockFileRemovedUnderAServer_IsSeenStill) {
    WriteToTarget("PG_VERSION", "15\n");
    FakePostmaster server(request.target_directory, "postgres");
    EXPECT_EQ(CheckNoServer(request.target_directory).error().code, ErrorCode::kClusterState);
}

TEST_F(RestoreRefusalTest, CheckNoServer_LockFileOfAReusedPid_IsNoServer) {
    WriteToTarget("PG_VERSION", "15\n");
    FakePostmaster other(place.path(), "anything");
    WriteToTarget("postmaster.pid", fmt::format("{}\n{}\n", other.pid(), request.target_directory));
    EXPECT_TRUE(CheckNoServer(request.target_directory));
}

// A folder in a file's place cannot be read, whoever the test runs as.
TEST_F(RestoreRefusalTest, CheckNoServer_LockFileCannotBeRead_IsADoubt) {
    WriteToTarget("postmaster.pid/unreadable", "");
    const auto checked = CheckNoServer(request.target_directory);
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().ToString(), testing::HasSubstr("postmaster.pid"));
    EXPECT_THAT(checked.error().ToString(), testing::HasSubstr("Whether a server runs there"));
}

TEST_F(RestoreRefusalTest, RunRestore_DeltaOverWhatCannotBeTold_IsRefused) {
    Backup();
    WriteToTarget("PG_VERSION", "15\n");
    WriteToTarget("global/pg_control/unreadable", "");
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kIo, "global/pg_control");
}

TEST_F(RestoreRefusalTest, RunRestore_TargetInsideTheRepository_IsRefused) {
    Backup();
    RepositorySettings settings;
    settings.uri = "file://" + place.path();
    context.settings.repositories = {settings};
    ExpectRefused(ErrorCode::kInvalidArgument, "the repository");
    settings.uri = "file://" + Restored("repository");
    context.settings.repositories = {settings};
    ExpectRefused(ErrorCode::kInvalidArgument, "the repository");
}

TEST_F(RestoreRefusalTest, RunRestore_KeyInsideTheTarget_IsRefused) {
    Backup();
    RepositorySettings settings;
    settings.key_uri = "file://" + Restored("main.key");
    context.settings.repositories = {settings};
    ExpectRefused(ErrorCode::kInvalidArgument, "the repository's key");
}

TEST_F(RestoreRefusalTest, RunRestore_AnotherRestoreAtWork_IsRefused) {
    Backup();
    std::filesystem::create_directories(request.target_directory);
    base::Fd marker = Must(base::OpenFile(Restored("agri_backup.restore"), O_RDWR | O_CREAT));
    ASSERT_EQ(flock(marker.get(), LOCK_EX | LOCK_NB), 0);
    request.existing = ExistingFiles::kDelta;
    ExpectRefused(ErrorCode::kBusy, "another restore");
}

// Its process ended between making the marker and writing it.
TEST_F(RestoreRefusalTest, RunRestore_MarkerNeverWritten_BeginsAnew) {
    Backup();
    WriteToTarget("agri_backup.restore", "");
    Must(Run());
    ExpectRestored();
}

}  // namespace
}  // namespace agri::engine

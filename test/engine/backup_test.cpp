// Whole backups of made-up data directories, read back through the manifest.
#include "engine/backup.hpp"

#include <thread>

#include "engine/lease_keeper.hpp"
#include "engine/test_cluster.hpp"
#include "repo/descriptor.hpp"
#include "repo/lease.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using repo::format::ManifestHeader;
using test::Must;

bool Contains(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

class BackupTest : public testing::Test {
   protected:
    base::Result<ManifestHeader> Run() {
        return RunBackup(repository.incarnation(), server, request, context.get());
    }
    test::ReadBackup Take() {
        ManifestHeader header = Must(Run());
        return test::ReadBack(repository.incarnation(), header.backup_id());
    }
    std::vector<std::string> Packs() const {
        return repository.Keys(repository.incarnation().keys().PackFolder());
    }
    // A failed backup leaves no intent and no lease, no pack, and no commit.
    void ExpectNothingLeft() {
        EXPECT_TRUE(Must(repo::ListIntents(repository.incarnation())).empty());
        EXPECT_FALSE(Must(repo::LeaseGuard::Holder(repository.incarnation(), "backup")));
        EXPECT_TRUE(Must(repo::ListBackups(repository.incarnation())).empty());
        EXPECT_EQ(Packs(), std::vector<std::string>());
    }

    test::TestRepository repository;
    test::TestCluster cluster;
    test::FakeServer server{cluster, repository.incarnation()};
    test::TestContext context;
    BackupRequest request;
};

TEST_F(BackupTest, RunBackup_ManyKindsOfFiles_EveryByteComesBack) {
    cluster.Write("base/5/1259", base::AsText(test::Noise(3 * 8192, 1)));
    cluster.Write("base/5/16384",
                  std::string(70u << 20, 'q') + std::string(base::AsText(test::Noise(12345, 2))));
    cluster.Write("base/5/16385", "");
    cluster.Write("base/5/16386", std::string(5u << 20, '\0'));
    cluster.Write("postgresql.auto.conf", "# nothing\n");
    for (int i = 0; i < 300; ++i)
        cluster.Write("base/1/" + std::to_string(20000 + i),
                      base::AsText(test::Noise(100 + i * 50, i)));

    const test::ReadBackup backup = Take();

    size_t compared = 0;
    for (const auto& [key, content] : backup.files) {
        const std::string path = key.substr(2);
        if (path == "backup_label") continue;
        EXPECT_TRUE(content == test::FileText(cluster.Path(path))) << path;
        ++compared;
    }
    EXPECT_EQ(compared, 300u + 5u + 3u);
    EXPECT_EQ(backup.files.at("0:backup_label"), "START WAL LOCATION: 0/2000028\n");
    EXPECT_TRUE(backup.entries.at("0:global/pg_control").written_last());
    EXPECT_FALSE(backup.Has("tablespace_map"));
    EXPECT_EQ(backup.header.statistics().files(), backup.files.size());
    EXPECT_GE(backup.header.statistics().zero_bytes(), 5u << 20);
    EXPECT_EQ(backup.header.statistics().page_failures(),
              backup.header.statistics().page_failures());
    EXPECT_TRUE(Must(repo::ListIntents(repository.incarnation())).empty());
    EXPECT_EQ(context.progress.bytes_done, context.progress.bytes_total);
    EXPECT_EQ(context.progress.phase(), "done");
}

TEST_F(BackupTest, RunBackup_TablespaceMadeJustBeforeTheStart_IsInTheBackup) {
    const std::string version = "PG_15_" + std::to_string(test::kCatalogVersionOf15);
    server.on_start = [&]() -> base::Status {
        test::TestCluster::WriteFile(cluster.Outside("late") + "/" + version + "/5/16400", "late");
        cluster.Link("pg_tblspc/16399", cluster.Outside("late"));
        return {};
    };
    EXPECT_EQ(Take().files.at("1:" + version + "/5/16400"), "late");
}

TEST_F(BackupTest, RunBackup_Header_SaysWhatRestoreAsksFor) {
    request.label = "before the harvest";
    request.requested_by = "ann";
    std::string started;
    request.on_started = [&](const std::string& id) { started = id; };
    const ManifestHeader header = Must(Run());
    EXPECT_EQ(header.backup_id(), started);
    EXPECT_EQ(server.label, "before the harvest");
    EXPECT_EQ(header.label(), "before the harvest");
    EXPECT_EQ(header.requested_by(), "ann");
    EXPECT_EQ(header.cluster(), "main");
    EXPECT_EQ(header.system_identifier(), test::kTestSystem);
    EXPECT_EQ(header.server_version_num(), 150020u);
    EXPECT_EQ(header.start_lsn(), test::kStartLsn.value);
    EXPECT_EQ(header.stop_lsn(), server.stop_lsn.value);
    EXPECT_EQ(header.timeline(), 1u);
    EXPECT_EQ(header.catalog_version(), test::kCatalogVersionOf15);
    EXPECT_EQ(header.data_checksum_version(), 1u);
    EXPECT_FALSE(header.glibc_version().empty());
    EXPECT_FALSE(header.architecture().empty());
    EXPECT_EQ(header.databases(0).name(), "agritech");
    EXPECT_EQ(header.roots_size(), 1);
    EXPECT_EQ(header.roots(0).path(), std::filesystem::canonical(cluster.data()).string());
}

TEST_F(BackupTest, RunBackup_OddNames_Kept) {
    const std::string odd = "base/5/odd \n\xff\xfe name";
    cluster.Write(odd, "here");
    cluster.Write("-rf", "x");
    const test::ReadBackup backup = Take();
    EXPECT_EQ(backup.files.at("0:" + odd), "here");
    EXPECT_EQ(backup.files.at("0:-rf"), "x");
}

TEST_F(BackupTest, RunBackup_SpecialFiles_SkippedWithWarning) {
    ASSERT_EQ(mkfifo(cluster.Path("pipe").c_str(), 0600), 0);
    const test::ReadBackup backup = Take();
    EXPECT_FALSE(backup.Has("pipe"));
    EXPECT_NE(context.log().find("pipe\" is not backed up"), std::string::npos) << context.log();
}

TEST_F(BackupTest, RunBackup_TablespacesWalAndConfiguration_AreRoots) {
    const std::string version = "PG_15_202209061";
    const std::string space = cluster.Outside("space");
    test::TestCluster::WriteFile(space + "/" + version + "/5/16400", std::string(8192, '\0'));
    test::TestCluster::WriteFile(space + "/PG_14_202107181/5/16400", "old version");
    cluster.Link("pg_tblspc/16390", space);
    cluster.Write("pg_tblspc/16391/" + version + "/5/16401", "in place");
    std::filesystem::rename(cluster.Path("pg_wal"), cluster.Outside("wal"));
    cluster.Link("pg_wal", cluster.Outside("wal"));
    test::TestCluster::WriteFile(cluster.Outside("wal/00000001000000000000001F"), "wal");
    test::TestCluster::WriteFile(cluster.Outside("etc/postgresql.conf"), "port = 5433\n");
    server.facts.config_files = {{"config_file", cluster.Outside("etc/postgresql.conf")},
                                 {"hba_file", cluster.Path("pg_hba.conf")},
                                 {"ident_file", cluster.Outside("etc/missing.conf")}};
    cluster.Write("pg_hba.conf", "local all all peer\n");
    server.tablespace_map = "16390 " + space + "\n";

    const test::ReadBackup backup = Take();

    ASSERT_EQ(backup.header.roots_size(), 4);
    EXPECT_EQ(backup.header.roots(1).kind(), repo::format::FileRoot::TABLESPACE);
    EXPECT_EQ(backup.header.roots(1).oid(), 16390u);
    EXPECT_EQ(backup.header.roots(1).path(), space);
    EXPECT_EQ(backup.header.roots(2).kind(), repo::format::FileRoot::WAL);
    EXPECT_EQ(backup.header.roots(3).kind(), repo::format::FileRoot::CONFIG);
    EXPECT_EQ(backup.header.roots(3).config_setting(), "config_file");
    EXPECT_EQ(backup.files.at("1:" + version + "/5/16400"), std::string(8192, '\0'));
    EXPECT_FALSE(backup.entries.contains("1:PG_14_202107181"));
    EXPECT_EQ(backup.files.at("3:postgresql.conf"), "port = 5433\n");
    EXPECT_EQ(backup.files.at("0:pg_hba.conf"), "local all all peer\n");
    EXPECT_EQ(backup.files.at("0:pg_tblspc/16391/" + version + "/5/16401"), "in place");
    EXPECT_EQ(backup.entries.at("0:pg_tblspc/16390").link_target(), space);
    EXPECT_EQ(backup.entries.at("0:pg_wal").type(), repo::format::DIRECTORY);
    EXPECT_TRUE(backup.Has("pg_wal/archive_status"));
    EXPECT_FALSE(backup.Has("pg_wal/00000001000000000000001F"));
    EXPECT_EQ(backup.files.at("0:tablespace_map"), server.tablespace_map);
    EXPECT_NE(context.log().find("missing.conf"), std::string::npos);
}

TEST_F(BackupTest, RunBackup_DatabaseDroppedAfterCheckpoint_IsFine) {
    cluster.Write("base/16500/1259", std::string(8192, 'x'));
    server.on_start = [&]() -> base::Status {
        std::filesystem::remove_all(cluster.Path("base/16500"));
        return {};
    };
    const test::ReadBackup backup = Take();
    EXPECT_FALSE(backup.Has("base/16500"));
}

TEST_F(BackupTest, RunBackup_AnotherRuns_SaysWho) {
    auto lease = Must(repo::LeaseGuard::Acquire(
        repository.incarnation(), {.name = "backup", .purpose = "full backup of yesterday"},
        context.clock, base::SystemRandom()));
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kBusy);
    EXPECT_NE(header.error().ToString().find("full backup of yesterday"), std::string::npos)
        << header.error().ToString();
    EXPECT_EQ(server.starts, 0);
}

TEST_F(BackupTest, RunBackup_CancelledAtAnyStep_LeavesNothing) {
    server.on_start = [&]() -> base::Status {
        context.cancel.Cancel();
        return {};
    };
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(server.stops, 1) << "backup mode is ended";
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_CancelledAfterStop_LeavesNothing) {
    server.on_stop = [&]() -> base::Status {
        context.cancel.Cancel();
        return {};
    };
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(server.stops, 1);
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_WalNotArchived_NamesTheSegment) {
    server.archives_wal = false;
    request.wal_timeout = std::chrono::seconds(0);
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kClusterState);
    EXPECT_NE(header.error().message.find("000000010000000000000020"), std::string::npos)
        << header.error().message;
    EXPECT_FALSE(header.error().hint.empty());
    ExpectNothingLeft();
}

// Another server of the same name and timeline was faster: its WAL leads nowhere from this backup.
TEST_F(BackupTest, RunBackup_AnothersWalIsArchived_Refused) {
    server.on_stop = [&]() -> base::Status {
        cluster.Write("pg_wal/000000010000000000000020", std::string(test::kTestSegmentBytes, 'w'));
        return {};
    };
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kConflict);
    EXPECT_NE(header.error().message.find("000000010000000000000020"), std::string::npos)
        << header.error().message;
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_RefusedBeforeTheCommit_LeavesNothing) {
    request.before_commit = [&]() -> base::Status {
        EXPECT_FALSE(Packs().empty());
        EXPECT_EQ(server.stops, 1);
        return base::Error(ErrorCode::kConflict, "another server writes");
    };
    EXPECT_EQ(Run().error().message, "another server writes");
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_RepositoryMadeAnewMeanwhile_CommitsNothing) {
    server.on_stop = [&]() -> base::Status {
        const repo::Descriptor other{{std::byte{1}}, repository.repository().method(), {}};
        const std::string text = other.Serialize();
        const base::ByteView bytes = base::AsBytes(text);
        repository.disk->Overwrite(std::string(repo::layout::kDescriptor),
                                   {bytes.begin(), bytes.end()});
        return {};
    };
    EXPECT_EQ(Run().error().code, ErrorCode::kConflict);
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_StopAtSegmentBoundary_DoesNotWaitForTheNextSegment) {
    server.stop_lsn = base::Lsn{0x2200000};
    Must(Run());
}

TEST_F(BackupTest, RunBackup_OtherServer_Refused) {
    server.facts.system_identifier = 42;
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kConflict);
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_DamagedControlFile_Fails) {
    cluster.Write("global/pg_control", std::string(8192, 'z'));
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(server.starts, 0);
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_LabelOfTwoLines_Refused) {
    request.label = "a\nb";
    EXPECT_EQ(Run().error().code, ErrorCode::kInvalidArgument);
}

TEST_F(BackupTest, RunBackup_StorageFailsWhileCopying_LeavesNoIntent) {
    cluster.Write("base/5/16384", base::AsText(test::Noise(3u << 20, 9)));
    repository.disk->Fail({.operation = test::Operation::kAppend,
                           .code = ErrorCode::kNoSpace,
                           .key_contains = "packs/",
                           .skip = 2,
                           .times = 1000});
    auto header = Run();
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, ErrorCode::kNoSpace);
    ExpectNothingLeft();
}

TEST_F(BackupTest, RunBackup_FailsWhenAllIsCopied_LeavesNoPack) {
    cluster.Write("base/5/16384", base::AsText(test::Noise(3u << 20, 9)));
    size_t stored = 0;
    server.on_stop = [&]() -> base::Status {
        stored = Packs().size();
        return base::Error(ErrorCode::kClusterState, "no");
    };
    EXPECT_EQ(Run().error().code, ErrorCode::kClusterState);
    EXPECT_GT(stored, 0u);
    ExpectNothingLeft();
}

// What cannot be removed, and what a manifest that may stand rests on, is left to the next backup.
TEST_F(BackupTest, RunBackup_FailsAndCannotCleanUp_TheNextOneDoes) {
    cluster.Write("base/5/16384", base::AsText(test::Noise(3u << 20, 9)));
    for (const auto& [operation, key] : {std::pair(test::Operation::kRemove, "packs/"),
                                         std::pair(test::Operation::kPublish, "manifest")}) {
        SCOPED_TRACE(key);
        const std::vector<std::string> before = Packs();
        server.on_stop = [&]() -> base::Status {
            if (operation == test::Operation::kPublish) return {};
            return base::Error(ErrorCode::kClusterState, "no");
        };
        repository.disk->Fail(
            {.operation = operation, .code = ErrorCode::kNoSpace, .key_contains = key});
        EXPECT_FALSE(Run());
        EXPECT_EQ(Must(repo::ListIntents(repository.incarnation())).size(), 1u);
        std::vector<std::string> left = Packs();
        std::erase_if(left, [&](const auto& pack) { return Contains(before, pack); });
        EXPECT_GT(left.size(), 0u);

        server.on_stop = nullptr;
        Must(Run());
        EXPECT_TRUE(Must(repo::ListIntents(repository.incarnation())).empty());
        for (const std::string& pack : Packs()) EXPECT_FALSE(Contains(left, pack)) << pack;
    }
}

TEST_F(BackupTest, RunBackup_Twice_BothAreWhole) {
    cluster.Write("base/5/16384", base::AsText(test::Noise(3u << 20, 9)));
    const ManifestHeader first = Must(Run());
    const ManifestHeader second = Must(Run());
    EXPECT_NE(first.backup_id(), second.backup_id());
    EXPECT_EQ(Must(repo::ListBackups(repository.incarnation())).size(), 2u);
}

// Whatever the moment at which storage is lost: what RunBackup called done is there and whole
// afterwards, and what it called failed is there whole or not at all.
TEST(BackupPowerLoss, StorageLostAtAnyOperation_NothingHalf) {
    test::TestCluster cluster;
    cluster.Write("base/5/16384", base::AsText(test::Noise(100000, 9)));
    bool is_done = false;
    for (uint64_t operations = 0; !is_done; ++operations) {
        ASSERT_LT(operations, 1000u);
        test::TestRepository repository;
        test::FakeServer server(cluster, repository.incarnation());
        server.archives_wal = false;
        server.Archive(0x20);
        server.Archive(0x21);
        test::TestContext context;
        repository.disk->CutPowerAfter(operations);
        const auto header =
            RunBackup(repository.incarnation(), server, BackupRequest{}, context.get());
        is_done = header.has_value();
        repository.disk->PowerOn(test::Unsynced::kLost);
        const auto backups = Must(repo::ListBackups(repository.incarnation()));
        if (header) {
            ASSERT_EQ(backups.size(), 1u) << "after " << operations;
        }
        for (const auto& backup : backups) {
            EXPECT_EQ(backup.problem, "");
            const auto read = test::ReadBack(repository.incarnation(), backup.header.backup_id());
            EXPECT_EQ(read.files.at("0:base/5/16384"),
                      test::FileText(cluster.Path("base/5/16384")));
        }
    }
}

TEST(LeaseKeeper, LeaseTakenOver_SetsTheFailure) {
    test::TestRepository repository;
    FirstError failure;
    const std::chrono::milliseconds short_time(3);
    auto lease = Must(repo::LeaseGuard::Acquire(repository.incarnation(),
                                                {.name = "backup", .time_to_live = short_time},
                                                repository.clock, base::SystemRandom()));
    // Somebody else stands where the next renewals would.
    const auto keys = repository.Keys(repository.incarnation().keys().LeaseFolder("backup"));
    ASSERT_EQ(keys.size(), 1u);
    const base::Bytes foreign = test::Noise(500, 1);
    for (uint64_t sequence = 1; sequence < 50; ++sequence) {
        const std::string key = repository.incarnation().keys().Lease("backup", sequence);
        if (key != keys[0]) repository.disk->Overwrite(key, foreign);
    }
    LeaseKeeper keeper(std::move(lease), short_time, failure);
    while (!failure.IsSet()) std::this_thread::yield();
    EXPECT_NE(failure.Check().error().message.find("lost its lease"), std::string::npos);
}

}  // namespace
}  // namespace agri::engine

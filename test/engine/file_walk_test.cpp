// Which files a backup sees, and in what order.
#include "engine/file_walk.hpp"

#include "engine/test_cluster.hpp"

namespace agri::engine {
namespace {

using test::Must;

class FileWalkTest : public testing::Test {
   protected:
    std::vector<std::string> Walk() {
        const auto plan = Must(PlanWalk(facts, control, *base::NullLogger()));
        std::vector<std::string> seen;
        Must(WalkFiles(plan, {cancel, nullptr}, [&](WalkedFile file) -> base::Status {
            seen.push_back(std::to_string(file.root->root.id()) + ":" + file.path);
            if (on_file) on_file(file);
            return {};
        }));
        return seen;
    }
    bool Sees(const std::string& path) {
        const auto seen = Walk();
        return std::find(seen.begin(), seen.end(), "0:" + path) != seen.end();
    }

    test::TestCluster cluster;
    ClusterFacts facts = cluster.Facts();
    wal::ControlFile control = Must(wal::ParseControlFile(test::MakeControlFile()));
    base::CancelToken cancel;
    std::function<void(const WalkedFile&)> on_file;
};

TEST_F(FileWalkTest, Order_IsThatOfWholePaths) {
    for (const char* path :
         {"base/a/b", "base/a.x", "base/a0", "base/a-", "base/a/.c", "base/a/b.d/e", "base/a/b0",
          "base/a b", "base/\xff", "base/a/\xc3\xa4", "base/A"})
        cluster.Write(path, "x");
    const std::vector<std::string> seen = Walk();
    std::vector<std::string> sorted = seen;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(seen, sorted);
    EXPECT_TRUE(Sees("base/a/b.d/e"));
}

TEST_F(FileWalkTest, ServersOwnFiles_LeftOut) {
    for (const char* path :
         {"agri_backup/claim", "postmaster.opts", "backup_label", "tablespace_map",
          "base/5/pg_internal.init", "base/5/t3_16390", "base/5/16384", "base/5/16384_init",
          "base/pgsql_tmp/pgsql_tmp1.0", "pg_notify/0000", "pg_replslot/slot/state",
          "pg_subtrans/0000", "pg_wal/000000010000000000000001"})
        cluster.Write(path, "x");
    const std::vector<std::string> expected = {
        "0:",
        "0:PG_VERSION",
        "0:base",
        "0:base/1",
        "0:base/5",
        "0:base/5/16384_init",
        "0:global",
        "0:pg_notify",
        "0:pg_replslot",
        "0:pg_stat_tmp",
        "0:pg_subtrans",
        "0:pg_tblspc",
        "0:pg_wal",
        "0:pg_wal/archive_status",
        "0:pg_xact",
        "0:pg_xact/0000",
    };
    EXPECT_EQ(Walk(), expected);
}

TEST_F(FileWalkTest, Version17_KeepsTheSummariesFolder) {
    cluster.MakeFolder("pg_wal/summaries");
    EXPECT_FALSE(Sees("pg_wal/summaries"));
    control.major_version = 17;
    EXPECT_TRUE(Sees("pg_wal/summaries"));
}

TEST_F(FileWalkTest, LinkedStatFolder_BecomesAFolder) {
    std::filesystem::remove_all(cluster.Path("pg_stat_tmp"));
    std::filesystem::create_directories(cluster.Outside("stats"));
    cluster.Link("pg_stat_tmp", cluster.Outside("stats"));
    repo::format::FileType type = repo::format::FILE_UNSPECIFIED;
    on_file = [&](const WalkedFile& file) {
        if (file.path == "pg_stat_tmp") type = file.type;
    };
    Walk();
    EXPECT_EQ(type, repo::format::DIRECTORY);
}

TEST_F(FileWalkTest, TablespaceInsideTheDataDirectory_WalkedOnce) {
    cluster.Write("spaces/one/PG_15_202209061/5/16400", "x");
    cluster.Link("pg_tblspc/16390", cluster.Path("spaces/one"));
    const std::vector<std::string> seen = Walk();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), "0:spaces/one"), 1);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), "0:spaces/one/PG_15_202209061"), 0);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), "1:PG_15_202209061/5/16400"), 1);
}

TEST_F(FileWalkTest, DanglingTablespace_IsAnError) {
    cluster.Link("pg_tblspc/16390", cluster.Outside("nowhere"));
    auto plan = PlanWalk(facts, control, *base::NullLogger());
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().message.find("16390"), std::string::npos);
}

// By the time its turn comes, the tablespace's folder is gone; its link perhaps as well.
TEST_F(FileWalkTest, TablespaceRemovedDuringTheWalk_IsPassedOverIfTheServerDroppedIt) {
    const std::string link = cluster.Path("pg_tblspc/16390");
    for (const bool drops_link : {true, false}) {
        test::TestCluster::WriteFile(cluster.Outside("far") + "/PG_15_202209061/5/16400", "x");
        std::filesystem::remove(link);
        cluster.Link("pg_tblspc/16390", cluster.Outside("far"));
        const auto plan = Must(PlanWalk(facts, control, *base::NullLogger()));
        std::filesystem::remove_all(cluster.Outside("far"));
        if (drops_link) std::filesystem::remove(link);
        const auto walked =
            WalkFiles(plan, {cancel, nullptr}, [](WalkedFile) { return base::Status(); });
        EXPECT_EQ(walked.has_value(), drops_link);
    }
}

TEST_F(FileWalkTest, FolderDroppedDuringTheWalk_IsPassedOver) {
    cluster.Write("base/16500/1259", "x");
    on_file = [&](const WalkedFile& file) {
        if (file.path == "base/1") std::filesystem::remove_all(cluster.Path("base/16500"));
    };
    EXPECT_FALSE(Sees("base/16500/1259"));
}

TEST_F(FileWalkTest, Cancelled_Stops) {
    cancel.Cancel();
    const auto plan = Must(PlanWalk(facts, control, *base::NullLogger()));
    const base::Status walked =
        WalkFiles(plan, {cancel, nullptr}, [](WalkedFile) -> base::Status { return {}; });
    EXPECT_EQ(walked.error().code, base::ErrorCode::kCancelled);
}

}  // namespace
}  // namespace agri::engine

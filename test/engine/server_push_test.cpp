// archive_command = 'agri_backup wal-push %p': the claim, the role and recovery count as they do
// for the archiving process.
#include "engine/server_push.hpp"

#include "engine/server_role.hpp"
#include "engine/test_cluster.hpp"
#include "repo/claim.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using storage::PutOutcome;
using test::Must;

class ServerPushTest : public testing::Test {
   protected:
    static std::string Name(uint32_t timeline = 1) {
        return base::SegmentId{{timeline}, 3}.FileName(test::kTestSegmentBytes);
    }
    // Puts a whole segment into a server's pg_wal.
    static void Write(test::TestCluster& server, uint32_t timeline = 1) {
        wal::BuilderOptions options;
        options.major_version = 15;
        options.system_identifier = test::kTestSystem;
        wal::WalBuilder builder(options);
        builder.set_timeline(timeline);
        builder.Filler(5000);
        builder.Switch();
        server.Write("pg_wal/" + Name(timeline), base::AsText(builder.Segment(0)));
    }
    base::Result<WalPushResult> Push(const test::TestCluster& server, uint32_t timeline = 1) {
        return PushForServer(repository.incarnation(), server.data(),
                             server.Path("pg_wal/" + Name(timeline)), context.get());
    }
    bool Has(const std::string& name) {
        return Must(
            repo::WalArchive(repository.incarnation()).Exists(*base::WalFileName::Parse(name)));
    }
    uint64_t Epoch() {
        const auto claim = Must(repo::CurrentClaim(repository.incarnation()));
        return claim ? claim->epoch() : 0;
    }

    test::TestRepository repository;
    test::TestContext context;
    test::TestCluster primary;
};

TEST_F(ServerPushTest, Push_FirstServer_TakesTheClaim) {
    Write(primary);
    const auto pushed = Must(Push(primary));
    EXPECT_EQ(pushed.outcome, PutOutcome::kCreated);
    EXPECT_EQ(pushed.index.writer_epoch(), 1u);
    EXPECT_EQ(Epoch(), 1u);
    EXPECT_EQ(Must(Push(primary)).outcome, PutOutcome::kExists);
    EXPECT_EQ(Epoch(), 1u);
}

TEST_F(ServerPushTest, Push_CopyOfTheWriter_IsRefused) {
    Write(primary);
    Must(Push(primary));
    test::TestCluster copy;
    Must(repo::SaveLocalClaim(copy.data(), *Must(repo::LoadLocalClaim(primary.data()))));
    Write(copy);
    EXPECT_EQ(Push(copy).error().code, ErrorCode::kConflict);
    // Promoted it is a server that followed the writer, and another copy then is not.
    test::ControlFields promoted;
    promoted.timeline = 2;
    copy.WriteControl(promoted);
    copy.Write("pg_wal/00000002.history", "1\t0/3000000\tno recovery target specified\n");
    Write(copy, 2);
    Must(Push(copy, 2));
    EXPECT_EQ(Epoch(), 2u);
    EXPECT_TRUE(Has("00000002.history"));
    test::TestCluster second;
    second.WriteControl(promoted);
    Write(second, 2);
    const auto refused = Push(second, 2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_EQ(Epoch(), 2u);
}

TEST_F(ServerPushTest, Push_Clone_IsRefused) {
    Write(primary);
    primary.Write("agri_backup/role", R"({"role":"clone"})");
    EXPECT_EQ(Push(primary).error().code, ErrorCode::kClusterState);
    EXPECT_FALSE(Has(Name()));
    EXPECT_EQ(Epoch(), 0u);
}

TEST_F(ServerPushTest, Push_AnotherClustersServer_TakesNoClaim) {
    test::ControlFields foreign;
    foreign.system_identifier = test::kTestSystem + 1;
    primary.WriteControl(foreign);
    Write(primary);
    EXPECT_EQ(Push(primary).error().code, ErrorCode::kConflict);
    EXPECT_EQ(Epoch(), 0u);
}

TEST_F(ServerPushTest, Push_Standby_OnlyConfirms) {
    test::TestCluster standby;
    test::ControlFields recovering;
    recovering.state = 5;
    standby.WriteControl(recovering);
    Write(standby);
    EXPECT_EQ(Push(standby).error().code, ErrorCode::kBusy);
    EXPECT_FALSE(Has(Name()));
    EXPECT_EQ(Epoch(), 0u);
    Write(primary);
    Must(Push(primary));
    EXPECT_EQ(Must(Push(standby)).outcome, PutOutcome::kExists);
    EXPECT_EQ(Epoch(), 1u);
}

TEST_F(ServerPushTest, IsClone_RoleFile_OnlyACloneOrOneThatMakesNoSense) {
    EXPECT_FALSE(Must(IsClone(primary.data())));
    primary.Write("agri_backup/role", R"({"role":"clone"})");
    EXPECT_TRUE(Must(IsClone(primary.data())));
    primary.Write("agri_backup/role", R"({"role":"original"})");
    EXPECT_FALSE(Must(IsClone(primary.data())));
    primary.Write("agri_backup/role", "{");
    EXPECT_TRUE(Must(IsClone(primary.data())));
    // What cannot even be looked at is an error: neither a clone nor none.
    ASSERT_EQ(unlink(primary.Path("agri_backup/role").c_str()), 0);
    primary.Link("agri_backup/role", "role");
    EXPECT_FALSE(IsClone(primary.data()));
}

}  // namespace
}  // namespace agri::engine

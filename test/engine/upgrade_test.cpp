// A cluster's name goes over to another data directory: engine/upgrade.hpp.
#include "engine/upgrade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/restore_layout.hpp"
#include "engine/test_cluster.hpp"
#include "engine/test_listener.hpp"
#include "repo/claim.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::Must;
using testing::HasSubstr;

constexpr uint64_t kOtherSystem = 7300000000000000002u;

test::ControlFields Of15(uint64_t system) { return {.system_identifier = system}; }
test::ControlFields Of17(uint64_t system) {
    return {.system_identifier = system, .pg_control_version = 1700, .catalog_version = 202406281};
}

class UpgradeTest : public testing::Test {
   protected:
    base::Result<UpgradeOutcome> Upgrade(const test::TestCluster& to) {
        return UpgradeCluster(repository_.repository(), to.data(), context_.get());
    }
    void ExpectRefused(const test::TestCluster& to, ErrorCode code, const std::string& why) {
        const auto before = repository_.disk->Snapshot();
        const auto outcome = Upgrade(to);
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, code);
        EXPECT_THAT(outcome.error().ToString(), HasSubstr(why));
        EXPECT_EQ(repository_.disk->Snapshot().size(), before.size()) << "nothing is written";
    }
    void LetWrite(const test::TestCluster& server) {
        std::filesystem::create_directories(server.Path("agri_backup"));
        Must(repo::EnsureClaim(repository_.incarnation(), server.data(), {1}, context_.clock,
                               base::SystemRandom()));
    }

    test::TestRepository repository_;
    test::TestContext context_;
    test::TestCluster first_{Of15(test::kTestSystem)};
};

TEST_F(UpgradeTest, SameCluster_ChangesNothing) {
    const size_t objects = repository_.disk->Snapshot().size();
    const auto outcome = Must(Upgrade(first_));
    EXPECT_FALSE(outcome.IsChange());
    EXPECT_EQ(outcome.now.number(), 1u);
    EXPECT_EQ(repository_.disk->Snapshot().size(), objects);
}

TEST_F(UpgradeTest, NextMajor_BecomesTheIncarnationInForce) {
    const test::TestCluster upgraded{Of17(kOtherSystem)};
    const auto outcome = Must(Upgrade(upgraded));
    EXPECT_TRUE(outcome.IsChange());
    EXPECT_EQ(outcome.before.system_identifier(), test::kTestSystem);
    EXPECT_EQ(outcome.now.number(), 2u);
    EXPECT_EQ(outcome.now.major_version(), 17u);
    EXPECT_EQ(outcome.now.system_identifier(), kOtherSystem);
    EXPECT_FALSE(Must(Upgrade(upgraded)).IsChange()) << "again";
}

TEST_F(UpgradeTest, BackToTheOldOne_GoesOnInItsFolder) {
    Must(Upgrade(test::TestCluster{Of17(kOtherSystem)}));
    const auto outcome = Must(Upgrade(first_));
    EXPECT_EQ(outcome.now.number(), 3u);
    EXPECT_EQ(outcome.now.folder(), repository_.incarnation().info().folder());
}

TEST_F(UpgradeTest, OlderMajorThatWasNeverPartOfIt_Refused) {
    Must(Upgrade(test::TestCluster{Of17(kOtherSystem)}));
    ExpectRefused(test::TestCluster{Of15(kOtherSystem + 1)}, ErrorCode::kConflict,
                  "is PostgreSQL 17, and the data directory of PostgreSQL 15 was never part of it");
}

TEST_F(UpgradeTest, Clone_Refused) {
    test::TestCluster clone{Of15(kOtherSystem)};
    clone.Write(std::string(kRoleFile), R"({"role":"clone"})");
    ExpectRefused(clone, ErrorCode::kConflict, "was restored as a clone");
}

TEST_F(UpgradeTest, RoleCannotBeRead_Refused) {
    test::TestCluster unknown{Of15(kOtherSystem)};
    unknown.Write(std::string(kRoleFile) + "/unreadable", "");
    ExpectRefused(unknown, ErrorCode::kIo, std::string(kRoleFile));
}

TEST_F(UpgradeTest, FormerWriterRunsHere_RefusedUntilItIsStopped) {
    LetWrite(first_);
    const test::TestCluster upgraded{Of17(kOtherSystem)};
    {
        const test::Listener server(first_);
        ExpectRefused(upgraded, ErrorCode::kClusterState, first_.data());
    }
    const auto outcome = Must(Upgrade(upgraded));
    ASSERT_TRUE(outcome.former_writer);
    EXPECT_EQ(outcome.former_writer->data_directory(), first_.data());
}

TEST_F(UpgradeTest, PgUpgradeAtWork_RefusedUntilItIsOver) {
    test::TestCluster upgraded{Of17(kOtherSystem)};
    upgraded.Write("postmaster.opts", "/usr/bin/postgres \"-p\" \"50432\" \"-b\"\n");
    {
        const test::Listener server(upgraded);
        ExpectRefused(upgraded, ErrorCode::kClusterState, "pg_upgrade is at work");
    }
    EXPECT_TRUE(Must(Upgrade(upgraded)).IsChange());
}

TEST_F(UpgradeTest, UnknownName_NotFound) {
    context_.settings.cluster = "shop";
    ExpectRefused(first_, ErrorCode::kNotFound, "shop");
}

}  // namespace
}  // namespace agri::engine

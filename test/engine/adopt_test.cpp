// An operator's word, and what is asked before it counts: engine/adopt.hpp.
#include "engine/adopt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/restore_layout.hpp"
#include "engine/test_cluster.hpp"
#include "engine/test_listener.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using base::TimelineId;
using test::Must;
using testing::HasSubstr;

class AdoptTest : public testing::Test {
   protected:
    base::Result<AdoptOutcome> AdoptIt(const test::TestCluster& server, uint32_t timeline = 0) {
        return Adopt(repository_.incarnation(), server.data(), TimelineId{timeline},
                     context_.get());
    }
    void ExpectRefused(const test::TestCluster& server, ErrorCode code, const std::string& why,
                       uint32_t timeline = 0) {
        const size_t before = repository_.disk->Snapshot().size();
        const auto outcome = AdoptIt(server, timeline);
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, code);
        EXPECT_THAT(outcome.error().ToString(), HasSubstr(why));
        EXPECT_EQ(repository_.disk->Snapshot().size(), before) << "nothing is written";
    }

    test::TestRepository repository_;
    test::TestContext context_;
    test::TestCluster one_, two_;
};

TEST_F(AdoptTest, Another_ReplacesTheWriterAndNamesIt) {
    const auto first = Must(AdoptIt(one_));
    EXPECT_FALSE(first.former);
    EXPECT_EQ(first.claim.epoch(), 1u);
    two_.Write(std::string(kRoleFile), R"({"role":"clone"})");
    const auto second = Must(AdoptIt(two_));
    EXPECT_TRUE(second.is_change);
    EXPECT_EQ(second.claim.epoch(), 2u);
    ASSERT_TRUE(second.former);
    EXPECT_EQ(second.former->claim_id(), first.claim.claim_id());
    EXPECT_NE(access(two_.Path(std::string(kRoleFile)).c_str(), F_OK), 0) << "a clone no longer";
}

TEST_F(AdoptTest, TheWriterItself_ChangesNothing) {
    Must(AdoptIt(one_));
    const auto again = Must(AdoptIt(one_));
    EXPECT_FALSE(again.is_change);
    EXPECT_EQ(again.claim.epoch(), 1u);
    EXPECT_EQ(Must(repo::Lineage(repository_.incarnation())).size(), 1u);
}

TEST_F(AdoptTest, WriterRunsHere_RefusedUntilItIsStopped) {
    Must(AdoptIt(one_));
    {
        const test::Listener server(one_);
        ExpectRefused(two_, ErrorCode::kClusterState, "a server is running");
    }
    one_.Write("postmaster.pid", "0\n");
    EXPECT_TRUE(AdoptIt(two_));
}

TEST_F(AdoptTest, Standby_Refused) {
    test::ControlFields recovering;
    recovering.state = 5;
    one_.WriteControl(recovering);
    ExpectRefused(one_, ErrorCode::kClusterState, "Promote it");
}

TEST_F(AdoptTest, TimelineThatNobodyKnows_Refused) {
    ExpectRefused(one_, ErrorCode::kInvalidArgument, "knows of a timeline 7", 7);
    one_.Write("pg_wal/00000007.history", "1\t0/3000000\tno recovery target specified\n");
    EXPECT_EQ(Must(AdoptIt(one_, 7)).claim.timeline(), 7u);
}

TEST_F(AdoptTest, AnotherSystem_Refused) {
    test::ControlFields foreign;
    foreign.system_identifier = test::kTestSystem + 1;
    one_.WriteControl(foreign);
    ExpectRefused(one_, ErrorCode::kConflict, "agri_backup upgrade");
}

}  // namespace
}  // namespace agri::engine

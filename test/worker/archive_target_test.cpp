// A repository that is made anew in its folder while archiving goes on: what is said to be archived
// is in the new one, readable with its keys.
#include "worker/archive_target.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "worker/worker_cluster.hpp"

namespace agri::test {
namespace {

using base::ErrorCode;
using worker::FailureScope;

class ArchiveTargetTest : public testing::Test {
   protected:
    ArchiveTargetTest() { cluster_.Init(); }

    std::optional<worker::ArchiveFailure> Push(const std::string& name) {
        return target_.Push(*base::WalFileName::Parse(name), cluster_.Path("pg_wal/" + name));
    }
    std::optional<worker::ArchiveFailure> PushSegment(uint64_t number) {
        return Push(cluster_.PutSegment(number));
    }

    WorkerCluster cluster_;
    TestContext context_;
    worker::ArchiveTarget target_{
        Must(worker::ServerConfig::Parse(cluster_.Config(1))),
        {base::SystemClock(), base::SystemRandom(), context_.get().log, context_.cancel}};
};

TEST_F(ArchiveTargetTest, Push_RepositoryMadeAnew_ArchivesIntoTheNewOne) {
    ASSERT_FALSE(PushSegment(3));
    EXPECT_EQ(target_.generation(), 0u);
    cluster_.Remake();
    ASSERT_FALSE(PushSegment(4));
    EXPECT_EQ(target_.generation(), 1u);
    EXPECT_EQ(cluster_.Archived(WorkerCluster::SegmentName(4)),
              base::AsText(WorkerCluster::SegmentContent(4)));
    EXPECT_THAT(context_.log(), testing::HasSubstr("holds a new repository"));
    ASSERT_FALSE(PushSegment(5));
    EXPECT_EQ(target_.generation(), 1u);
}

TEST_F(ArchiveTargetTest, Push_RepositoryMadeAnewMeanwhile_IsNotAcknowledged) {
    // A pipe in the place of the file: the push waits for its content.
    const std::string name = WorkerCluster::SegmentName(3) + ".00000028.backup";
    const std::string path = cluster_.Path("pg_wal/" + name);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    std::optional<worker::ArchiveFailure> failure;
    std::thread push([&] { failure = Push(name); });
    {
        std::ofstream content(path);  // opens when the push does
        cluster_.Remake();
        content << "START WAL LOCATION: 0/300028\n";
    }
    push.join();
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->scope, FailureScope::kStorage);
    EXPECT_EQ(failure->error.code, ErrorCode::kConflict) << failure->error.ToString();
    EXPECT_FALSE(PushSegment(4)) << "the new one is opened at the next try";
}

TEST_F(ArchiveTargetTest, Probe_RepositoryRemoved_FailsUntilThereIsOneAgain) {
    ASSERT_FALSE(PushSegment(3));
    cluster_.Wipe();
    const auto failure = target_.Probe();
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->error.code, ErrorCode::kNotInitialized);
    EXPECT_THAT(failure->error.hint, testing::HasSubstr("agri_init()"));
    cluster_.Init();
    EXPECT_FALSE(target_.Probe());
    EXPECT_EQ(target_.generation(), 1u);
}

}  // namespace
}  // namespace agri::test

// A job process as a process: driven over its control socket as a session worker does.
#include <nlohmann/json.hpp>

#include "worker/job_run.hpp"
#include "worker/worker_cluster.hpp"

namespace agri::test {
namespace {

class JobProcessTest : public testing::Test {
   protected:
    void Start(Message job) {
        auto [ours, theirs] = SocketPair();
        const int end = theirs.get(), other = ours.get();
        child_ = std::make_unique<Child>([&] {
            close(other);
            base::CancelToken cancel;
            return worker::RunJobOver(base::Fd(end), cancel, base::SystemClock(),
                                      base::NullLogger());
        });
        theirs.Reset();
        session_.emplace(std::move(ours));
        session_->Send(cluster_.Config(getpid()));
        session_->Send(job);
        EXPECT_EQ(session_->Next().verb, "HELLO");
    }
    static Message Job(const std::string& kind) {
        return Message("JOB").Set("job", "job-1").Set("kind", kind);
    }
    bool HasProgressFile() const {
        return std::filesystem::exists(cluster_.Path("agri_backup/jobs/job-1.json"));
    }
    // Answers as a session worker whose server has one database.
    Message Facts() {
        Message facts("FACTS");
        facts.Set("data_directory", cluster_.cluster().data());
        facts.Set("system_identifier", std::to_string(kTestSystem));
        facts.Set("server_version_num", "150020").Set("server_version", "15.20");
        facts.Set("block_size", "8192").Set("wal_segment_size", std::to_string(kTestSegmentBytes));
        facts.Set("in_recovery", "off").Set("data_checksums", "on").Set("preload_libraries", "");
        return facts.Set("database_oid", "5").Set("database_name", "agritech");
    }
    void ArchiveBackupsWal() {
        repo::Incarnation incarnation = cluster_.Open();
        for (uint64_t number = 0x20; number <= 0x21; ++number) {
            repo::format::WalIndex index;
            index.set_name(WorkerCluster::SegmentName(number));
            Must(repo::WalArchive(incarnation)
                     .Put(index, WorkerCluster::SegmentContent(number), 1, base::SystemClock()));
        }
    }

    // Answers until the job has ended; its last message.
    Message ServeBackup(const std::function<void()>& before_stop = [] {}) {
        Message message = session_->Next();
        for (; message.verb != "DONE" && message.verb != "FAILED" && message.verb[0] != '(';
             message = session_->Next()) {
            if (message.verb == "STARTED") {
                started_ = message.Get("backup");
                EXPECT_TRUE(HasProgressFile());
            }
            if (message.verb == "FACTS") session_->Send(Facts());
            if (message.verb == "START_BACKUP") {
                label_ = message.Get("label");
                session_->Send(
                    Message("BACKUP_STARTED").Set("lsn", "0/2000028").Set("timeline", "1"));
            }
            if (message.verb == "RELATION") session_->Send(Message("RELATION").Set("name", ""));
            if (message.verb == "STOP_BACKUP") {
                before_stop();
                ArchiveBackupsWal();
                session_->Send(Message("BACKUP_STOPPED")
                                   .Set("lsn", "0/2100100")
                                   .Set("timeline", "1")
                                   .Set("backup_label", "START WAL LOCATION: 0/2000028\n")
                                   .Set("tablespace_map", ""));
            }
        }
        return message;
    }

    WorkerCluster cluster_;
    std::string started_, label_;
    std::unique_ptr<Child> child_;
    std::optional<Peer> session_;
};

TEST_F(JobProcessTest, Init_NewRepository_CreatedRegisteredAndDescribed) {
    Start(Job("init"));
    const Message done = session_->Next();
    ASSERT_EQ(done.verb, "DONE") << done.Get("message") << done.Get("detail");
    EXPECT_NE(done.Get("message").find("was created"), std::string_view::npos);
    EXPECT_EQ(child_->AwaitExit(), 0);
    EXPECT_EQ(cluster_.Open().cluster(), "main");
    EXPECT_EQ(cluster_.State("state/repository.json")["cluster"], "main");
    EXPECT_FALSE(HasProgressFile());
    Start(Job("init"));
    EXPECT_NE(session_->Next().Get("message").find("already there"), std::string_view::npos);
}

TEST_F(JobProcessTest, Backup_ServerAnswers_CommittedAndDescribed) {
    cluster_.Init();
    cluster_.cluster().Write("base/5/16384", std::string(8192, '\0'));
    Start(Job("backup").Set("label", "nightly").Set("requested_by", "pgadmin"));
    const Message message = ServeBackup();
    ASSERT_EQ(message.verb, "DONE") << message.Get("message") << " " << message.Get("detail");
    const std::string started(message.Get("backup"));
    EXPECT_EQ(started, started_);
    EXPECT_EQ(label_, "nightly");
    EXPECT_EQ(child_->AwaitExit(), 0);
    const auto state = cluster_.State("state/repository.json");
    ASSERT_EQ(state["backups"].size(), 1u);
    EXPECT_EQ(state["backups"][0]["backup_id"], started);
    EXPECT_EQ(state["backups"][0]["label"], "nightly");
    EXPECT_EQ(state["backups"][0]["requested_by"], "pgadmin");
    EXPECT_TRUE(state["backups"][0]["problem"].is_null());
    EXPECT_EQ(state["recovery_window"].size(), 1u);
    EXPECT_TRUE(state["running"].empty());
    EXPECT_FALSE(HasProgressFile());
}

TEST_F(JobProcessTest, Backup_ServerRefuses_FailsWithItsError) {
    cluster_.Init();
    Start(Job("backup"));
    Message message = session_->Await("FACTS");
    session_->Send(worker::FailedMessage(
        base::Error(base::ErrorCode::kClusterState, "the database system is shutting down")));
    message = session_->Await("FAILED");
    EXPECT_EQ(message.Get("code"), "cluster_state");
    EXPECT_EQ(child_->AwaitExit(), 1);
}

TEST_F(JobProcessTest, Backup_AnothersClaim_ConflictBeforeAnythingIsCopied) {
    cluster_.Init();
    repo::ClaimantIdentity other{"elsewhere", "machine", "/other", 1, 2, "boot"};
    Must(repo::TakeClaim(cluster_.Open(), 1, other, base::TimelineId{1}, "first",
                         base::SystemClock(), base::SystemRandom()));
    Start(Job("backup"));
    EXPECT_EQ(session_->Next().verb, "FACTS");
    session_->Send(Facts());
    const Message failed = session_->Next();
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "conflict");
}

TEST_F(JobProcessTest, Backup_AnotherTakesTheClaimMeanwhile_CommitsNothing) {
    cluster_.Init();
    Must(repo::EnsureClaim(cluster_.Open(), cluster_.cluster().data(), base::TimelineId{1},
                           base::SystemClock(), base::SystemRandom()));
    Start(Job("backup"));
    const Message failed = ServeBackup([&] {
        repo::ClaimantIdentity other{"elsewhere", "machine", "/other", 1, 2, "boot"};
        Must(repo::TakeClaim(cluster_.Open(), 2, other, base::TimelineId{1}, "adopt",
                             base::SystemClock(), base::SystemRandom()));
    });
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "conflict");
    EXPECT_NE(failed.Get("message").find("elsewhere"), std::string_view::npos)
        << failed.Get("message");
    EXPECT_TRUE(Must(repo::ListBackups(cluster_.Open())).empty());
}

TEST_F(JobProcessTest, Backup_SessionGoes_CancelledAndCleanedUp) {
    cluster_.Init();
    Start(Job("backup"));
    EXPECT_EQ(session_->Await("FACTS").verb, "FACTS");
    session_.reset();
    EXPECT_EQ(child_->AwaitExit(), 1);
    EXPECT_FALSE(HasProgressFile());
    EXPECT_TRUE(Must(repo::ListIntents(cluster_.Open())).empty());
}

TEST_F(JobProcessTest, Backup_Clone_Refused) {
    cluster_.Init();
    cluster_.cluster().Write("agri_backup/role", R"({"role":"clone"})");
    Start(Job("backup"));
    EXPECT_EQ(session_->Await("FAILED").Get("code"), "cluster_state");
}

TEST_F(JobProcessTest, Verify_NoBackup_IsARow) {
    cluster_.Init();
    Start(Job("verify").Set("level", "contents"));
    const Message done = session_->Next();
    ASSERT_EQ(done.verb, "DONE") << done.Get("message");
    EXPECT_EQ(done.Get("rows"), "1");
    EXPECT_EQ(done.Get("message"), "checked 0 backups, 0 packs, 0 WAL segments: 1 finding");
    const nlohmann::json rows = cluster_.State("jobs/job-1.rows.json");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0]["severity"], "error");
    EXPECT_EQ(rows[0]["problem"], "cluster \"main\" has no backup");
}

TEST_F(JobProcessTest, Refresh_NoRepository_FailsWithWhatToDo) {
    Start(Job("refresh"));
    const Message failed = session_->Next();
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "not_initialized");
    EXPECT_NE(failed.Get("hint"), "");
    EXPECT_EQ(child_->AwaitExit(), 1);
}

TEST_F(JobProcessTest, Job_BadRequests_RefusedByName) {
    cluster_.Init();
    Start(Job("dance"));
    EXPECT_EQ(session_->Next().Get("code"), "unsupported");
    Start(Job("backup").Set("backup_kind", "incremental"));
    EXPECT_EQ(session_->Next().Get("code"), "unsupported");
    Start(Job("verify").Set("level", "deep"));
    EXPECT_EQ(session_->Next().Get("code"), "invalid_argument");
    Start(Message("JOB").Set("job", "../x").Set("kind", "refresh"));
    EXPECT_EQ(session_->Next().Get("code"), "invalid_argument");
}

TEST_F(JobProcessTest, Job_Malformed_ExitsWithFailure) {
    auto [ours, theirs] = SocketPair();
    Child child([&] {
        close(ours.get());
        base::CancelToken cancel;
        return worker::RunJobOver(std::move(theirs), cancel, base::SystemClock(),
                                  base::NullLogger());
    });
    theirs.Reset();
    Peer session(std::move(ours));
    session.SendBytes(std::string_view("\0\0\0\0", 4));
    EXPECT_EQ(child.AwaitExit(), 1);
}

}  // namespace
}  // namespace agri::test

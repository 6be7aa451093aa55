// The archiving process as a process: driven over its sockets as the server's module does.
#include <nlohmann/json.hpp>

#include "worker/archiving_run.hpp"
#include "worker/worker_cluster.hpp"

namespace agri::test {
namespace {

class ArchivingProcessTest : public testing::Test {
   protected:
    // One instance of the process and the supervisor's end of its control socket.
    struct Instance {
        std::unique_ptr<Child> child;
        std::optional<Peer> control;
    };

    worker::ArchivingOptions Fast() const {
        using std::chrono::milliseconds;
        worker::ArchivingOptions options;
        options.backoff = {milliseconds(20), milliseconds(100)};
        options.status = status_;
        options.report_pause = milliseconds(10);
        options.look_interval = milliseconds(200);
        options.working_interval = milliseconds(50);
        return options;
    }

    Instance Launch(const Message& config) {
        auto [ours, theirs] = SocketPair();
        const int end = theirs.get(), other = ours.get();
        Instance instance;
        instance.child = std::make_unique<Child>([&] {
            close(other);
            if (first_.control) close(first_.control->fd());
            base::CancelToken signal;
            return worker::RunArchiving(base::Fd(end), signal, base::SystemClock(),
                                        base::NullLogger(), Fast());
        });
        instance.control.emplace(std::move(ours));
        instance.control->Send(config);
        return instance;
    }
    void Start() { Start(cluster_.Config(postmaster_.pid())); }
    void Start(const Message& config) {
        first_ = Launch(config);
        EXPECT_EQ(first_.control->Next().verb, "HELLO");
        EXPECT_EQ(first_.control->Next().verb, "WAKE");
    }
    Peer Connect() { return Peer::Connect(cluster_.Path("agri_backup/pgsql_tmp.archive.sock")); }
    Message Ask(Peer& client, const std::string& name) {
        client.Send(Message("ARCHIVE").Set("file", name).Set("path", "pg_wal/" + name));
        return client.Answer();
    }
    Message Ask(const std::string& name) {
        Peer client = Connect();
        return Ask(client, name);
    }
    // Waits until archiving.json is as wanted: the process writes it, nothing announces it.
    nlohmann::json AwaitState(const std::function<bool(const nlohmann::json&)>& wanted) {
        worker::ReadyWatch changes(cluster_.Path("agri_backup/state"));
        const auto deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeadlineMs);
        while (std::chrono::steady_clock::now() < deadline) {
            auto state = cluster_.State("state/archiving.json");
            if (state.is_object() && wanted(state)) return state;
            pollfd polled{changes.fd(), POLLIN, 0};
            poll(&polled, 1, 1000);
            changes.Drain();
        }
        ADD_FAILURE() << "the state never came: " << cluster_.State("state/archiving.json");
        return nullptr;
    }

    worker::StatusOptions status_{std::chrono::milliseconds(10), std::chrono::milliseconds(1000)};
    Child postmaster_{[] { return pause(); }};
    WorkerCluster cluster_;
    Instance first_;
};

TEST_F(ArchivingProcessTest, Archive_CompleteSegment_DurableWithEqualContent) {
    cluster_.Init();
    Start();
    const std::string name = cluster_.PutSegment(3);
    EXPECT_EQ(Ask(name).verb, "DURABLE");
    EXPECT_EQ(cluster_.Archived(name), base::AsText(WorkerCluster::SegmentContent(3)));
    EXPECT_TRUE(std::filesystem::exists(cluster_.Path("pg_wal/archive_status/" + name + ".ready")));
}

TEST_F(ArchivingProcessTest, Archive_BacklogOfSegments_LooksAhead) {
    cluster_.Init();
    Start();
    for (uint64_t number = 3; number < 23; ++number) cluster_.PutSegment(number);
    EXPECT_EQ(Ask(WorkerCluster::SegmentName(3)).verb, "DURABLE");
    auto state = AwaitState(
        [](const auto& s) { return s["archived_count"] == 20 && s["waiting_segments"] == 0; });
    EXPECT_EQ(state["state"], "ok");
    Peer client = Connect();
    for (uint64_t number = 3; number < 23; ++number) {
        EXPECT_EQ(Ask(client, WorkerCluster::SegmentName(number)).verb, "DURABLE");
        cluster_.SetDone(WorkerCluster::SegmentName(number));
    }
    EXPECT_EQ(cluster_.Archived(WorkerCluster::SegmentName(22)),
              base::AsText(WorkerCluster::SegmentContent(22)));
}

TEST_F(ArchivingProcessTest, Archive_NothingAskedYet_LeavesOthersWalAlone) {
    cluster_.Init();
    cluster_.PutSegment(3);
    Start();
    AwaitState([](const auto& s) { return s["state"] == "ok" && s["waiting_segments"] == 1; });
    EXPECT_EQ(cluster_.Archived(WorkerCluster::SegmentName(3)), "");
}

// Whoever is told that archiving works finds no old failure in agri_backup.status.
TEST_F(ArchivingProcessTest, Status_StateTurns_WrittenBeforeTheAnswer) {
    status_ = {std::chrono::hours(1), std::chrono::hours(1)};
    Start();
    const std::string name = cluster_.PutSegment(3);
    EXPECT_EQ(Ask(name).verb, "FAILED");
    EXPECT_EQ(cluster_.State("state/archiving.json")["state"], "failing");
    cluster_.Init();
    EXPECT_EQ(first_.control->Next().verb, "WAKE");
    EXPECT_EQ(Ask(name).verb, "DURABLE");
    const auto state = cluster_.State("state/archiving.json");
    EXPECT_EQ(state["state"], "ok");
    EXPECT_TRUE(state["failing_since"].is_null());
}

TEST_F(ArchivingProcessTest, Archive_StorageGone_FailsThenWakesWhenItIsBack) {
    cluster_.Init();
    Start();
    EXPECT_EQ(Ask(cluster_.PutSegment(3)).verb, "DURABLE");
    cluster_.Unmount();
    const std::string name = cluster_.PutSegment(4);
    const Message failed = Ask(name);
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "not_initialized") << failed.Get("message");
    EXPECT_NE(failed.Get("hint"), "");
    auto state = AwaitState([](const auto& s) { return s["state"] == "failing"; });
    EXPECT_FALSE(state["failing_since"].is_null());
    EXPECT_EQ(state["last_error"]["code"], "not_initialized");
    cluster_.Mount();
    EXPECT_EQ(first_.control->Await("WAKE").verb, "WAKE");
    EXPECT_EQ(Ask(name).verb, "DURABLE");
    EXPECT_EQ(cluster_.Archived(name), base::AsText(WorkerCluster::SegmentContent(4)));
    state = AwaitState([](const auto& s) { return s["state"] == "ok"; });
    EXPECT_TRUE(state["failing_since"].is_null());
}

// What was archived ahead of the archiver's question is not in a repository made anew since.
TEST_F(ArchivingProcessTest, Archive_RepositoryMadeAnew_NothingIsRememberedOfTheFormer) {
    cluster_.Init();
    Start();
    for (uint64_t number = 3; number < 7; ++number) cluster_.PutSegment(number);
    EXPECT_EQ(Ask(WorkerCluster::SegmentName(3)).verb, "DURABLE");
    cluster_.SetDone(WorkerCluster::SegmentName(3));
    AwaitState([](const auto& s) { return s["archived_count"] == 4; });
    cluster_.Remake();
    Peer client = Connect();
    client.Send(Message("REFRESH"));  // as agri_init() does
    EXPECT_EQ(client.Answer().verb, "DONE");
    for (uint64_t number = 4; number < 7; ++number) {
        const std::string name = WorkerCluster::SegmentName(number);
        EXPECT_EQ(Ask(client, name).verb, "DURABLE");
        EXPECT_EQ(cluster_.Archived(name), base::AsText(WorkerCluster::SegmentContent(number)));
    }
}

TEST_F(ArchivingProcessTest, Archive_NotInitialised_FailsWithHintAndCreatesNothing) {
    Start();
    const Message failed = Ask(cluster_.PutSegment(3));
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_NE(std::string(failed.Get("hint")).find("agri_init()"), std::string::npos);
    EXPECT_TRUE(std::filesystem::is_empty(cluster_.repository_path()));
    cluster_.Init();
    EXPECT_EQ(first_.control->Await("WAKE").verb, "WAKE");
    EXPECT_EQ(Ask(WorkerCluster::SegmentName(3)).verb, "DURABLE");
}

TEST_F(ArchivingProcessTest, Archive_OtherContentThere_ConflictEveryTimeAndOthersGoOn) {
    cluster_.Init();
    Start();
    const std::string name = cluster_.PutSegment(3);
    EXPECT_EQ(Ask(name).verb, "DURABLE");
    base::Bytes other = WorkerCluster::SegmentContent(3);
    other.back() = std::byte{1};
    cluster_.cluster().Write("pg_wal/" + name, base::AsText(other));
    for (int i = 0; i < 3; ++i) {
        const Message failed = Ask(name);
        EXPECT_EQ(failed.verb, "FAILED");
        EXPECT_EQ(failed.Get("code"), "conflict");
    }
    EXPECT_EQ(Ask(cluster_.PutSegment(4)).verb, "DURABLE");
    EXPECT_EQ(cluster_.Archived(name), base::AsText(WorkerCluster::SegmentContent(3)));
}

TEST_F(ArchivingProcessTest, Archive_AnothersClaim_ConflictUntilAdopted) {
    cluster_.Init();
    repo::ClaimantIdentity other{"elsewhere", "machine", "/other", 1, 2, "boot"};
    Must(repo::TakeClaim(cluster_.Open(), 1, other, base::TimelineId{1}, "first",
                         base::SystemClock(), base::SystemRandom()));
    Start();
    const Message failed = Ask(cluster_.PutSegment(3));
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "conflict");
    EXPECT_EQ(cluster_.Archived(WorkerCluster::SegmentName(3)), "");
    Must(repo::AdoptClaim(cluster_.Open(), cluster_.cluster().data(), base::TimelineId{1}, "adopt",
                          base::SystemClock(), base::SystemRandom()));
    EXPECT_EQ(first_.control->Await("WAKE").verb, "WAKE");
    EXPECT_EQ(Ask(WorkerCluster::SegmentName(3)).verb, "DURABLE");
}

TEST_F(ArchivingProcessTest, Archive_AnotherClustersWal_Conflict) {
    cluster_.Init();
    Start();
    const std::string name = WorkerCluster::SegmentName(3);
    cluster_.cluster().Write("pg_wal/" + name,
                             base::AsText(WorkerCluster::SegmentContent(3, 1, kTestSystem + 1)));
    EXPECT_EQ(Ask(name).Get("code"), "conflict");
}

TEST_F(ArchivingProcessTest, Archive_Clone_RefusesEverything) {
    cluster_.Init();
    cluster_.cluster().Write("agri_backup/role", R"({"role":"clone"})");
    Start();
    const Message failed = Ask(cluster_.PutSegment(3));
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "cluster_state");
    AwaitState([](const auto& s) { return s["state"] == "clone"; });
    EXPECT_EQ(cluster_.Archived(WorkerCluster::SegmentName(3)), "");
}

TEST_F(ArchivingProcessTest, Archive_NoWalFile_Refused) {
    cluster_.Init();
    Start();
    Peer client = Connect();
    for (const char* name : {"postgresql.conf", "../PG_VERSION", "00000001000000000000000g", ""})
        EXPECT_EQ(Ask(client, name).Get("code"), "invalid_argument") << name;
    EXPECT_EQ(Ask(client, WorkerCluster::SegmentName(9)).Get("code"), "not_found");
    client.Send(Message("DANCE"));
    EXPECT_EQ(client.Answer().Get("code"), "unsupported");
}

TEST_F(ArchivingProcessTest, Socket_MalformedMessage_DropsOnlyThatClient) {
    cluster_.Init();
    Start();
    Peer good = Connect();
    for (std::string_view bytes :
         {std::string_view("\xff\xff\xff\x7f", 4), std::string_view("\0\0\0\0", 4),
          std::string_view("\3\0\0\0abc", 7), std::string_view("\4\0\0\0A\0B\0", 8)}) {
        Peer bad = Connect();
        bad.SendBytes(bytes);
        EXPECT_EQ(bad.Answer().verb, "(gone)");
    }
    Peer endless = Connect();
    std::string head("\0\0\1\0", 4);
    endless.SendBytes(head + std::string((64u << 10) - 4, 'x'));
    EXPECT_EQ(endless.Answer().verb, "(gone)");
    EXPECT_EQ(Ask(good, cluster_.PutSegment(3)).verb, "DURABLE");
    struct stat info {};
    ASSERT_EQ(stat(cluster_.Path("agri_backup/pgsql_tmp.archive.sock").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ArchivingProcessTest, Refresh_Asked_RewritesRepositoryState) {
    cluster_.Init();
    Start();
    EXPECT_EQ(Ask(cluster_.PutSegment(3)).verb, "DURABLE");
    Peer client = Connect();
    client.Send(Message("REFRESH"));
    EXPECT_EQ(client.Answer().verb, "DONE");
    auto state = cluster_.State("state/repository.json");
    ASSERT_EQ(state["wal_archive"].size(), 1u);
    EXPECT_EQ(state["wal_archive"][0]["from_lsn"], "0/300000");
    EXPECT_EQ(state["wal_archive"][0]["segments"], 1);
    EXPECT_FALSE(state["wal_archive"][0]["last_commit_time"].is_null());
    cluster_.Unmount();
    client.Send(Message("REFRESH"));
    EXPECT_EQ(client.Answer().verb, "FAILED");
}

TEST_F(ArchivingProcessTest, Control_Eof_GoesOnUntilThePostmasterIsGone) {
    cluster_.Init();
    Start();
    first_.control.reset();
    EXPECT_EQ(Ask(cluster_.PutSegment(3)).verb, "DURABLE");
    EXPECT_TRUE(first_.child->IsRunning());
    postmaster_.Kill();
    EXPECT_EQ(first_.child->AwaitExit(), 0);
    EXPECT_FALSE(std::filesystem::exists(cluster_.Path("agri_backup/pgsql_tmp.archive.sock")));
}

TEST_F(ArchivingProcessTest, Start_AnotherRuns_TakesOver) {
    cluster_.Init();
    Start();
    EXPECT_EQ(Ask(cluster_.PutSegment(3)).verb, "DURABLE");
    cluster_.SetDone(WorkerCluster::SegmentName(3));
    Instance second = Launch(cluster_.Config(postmaster_.pid()));
    EXPECT_EQ(second.control->Next().verb, "HELLO");
    EXPECT_EQ(first_.child->AwaitExit(), 0);
    EXPECT_EQ(second.control->Next().verb, "WAKE");
    const pid_t pid = second.child->pid();
    auto state = AwaitState([&](const auto& s) { return s["pid"] == pid && s["state"] == "ok"; });
    EXPECT_EQ(state["last_archived_wal"], WorkerCluster::SegmentName(3));
    EXPECT_EQ(Ask(cluster_.PutSegment(4)).verb, "DURABLE");
    state = AwaitState([&](const auto& s) { return s["pid"] == pid && s["archived_count"] == 1; });
    EXPECT_EQ(state["last_archived_wal"], WorkerCluster::SegmentName(4));
}

TEST_F(ArchivingProcessTest, Start_AnotherWasKilled_ArchivesTheSameAgain) {
    cluster_.Init();
    Start();
    const std::string name = cluster_.PutSegment(3);
    EXPECT_EQ(Ask(name).verb, "DURABLE");
    first_.child->Kill();
    Start();
    EXPECT_EQ(Ask(name).verb, "DURABLE");
}

TEST_F(ArchivingProcessTest, Quit_Asked_SaysByeAndExits) {
    cluster_.Init();
    Start();
    Peer client = Connect();
    client.Send(Message("QUIT"));
    EXPECT_EQ(client.Answer().verb, "BYE");
    EXPECT_EQ(first_.child->AwaitExit(), 0);
}

TEST_F(ArchivingProcessTest, Config_BadSettings_FailsUntilReloadedWithGood) {
    cluster_.Init();
    Message config = cluster_.Config(postmaster_.pid());
    for (auto& [name, value] : config.fields)
        if (name == "repository") value.clear();
    Start(config);
    const Message failed = Ask(cluster_.PutSegment(3));
    EXPECT_EQ(failed.verb, "FAILED");
    EXPECT_EQ(failed.Get("code"), "configuration");
    AwaitState([](const auto& s) { return s["last_error"]["code"] == "configuration"; });
    first_.control->Send(cluster_.Config(postmaster_.pid()));
    EXPECT_EQ(first_.control->Await("WAKE").verb, "WAKE");
    EXPECT_EQ(Ask(WorkerCluster::SegmentName(3)).verb, "DURABLE");
}

TEST_F(ArchivingProcessTest, Config_NoIdentity_ExitsWithFailure) {
    auto instance = Launch(Message("CONFIG").Set("data_directory", cluster_.cluster().data()));
    EXPECT_EQ(instance.control->Next().verb, "(gone)");
    EXPECT_EQ(instance.child->AwaitExit(), 1);
}

}  // namespace
}  // namespace agri::test

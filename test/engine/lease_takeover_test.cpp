// A backup whose process is stopped, at any of its operations, for longer than its lease lasts:
// another server takes over meanwhile. Whatever the stopped one does once it goes on, the other's
// backup is whole, and each of the two is there if and only if it was said to be. AGRI_LONG=1:
// every operation.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>

#include "base/child.hpp"
#include "engine/backup.hpp"
#include "engine/test_cluster.hpp"
#include "storage/faulty_posix.hpp"
#include "storage/forwarding_storage.hpp"
#include "storage/posix_storage.hpp"

namespace agri::engine {
namespace {

using test::Must;

constexpr std::chrono::milliseconds kLeaseTime{40};
constexpr uint64_t kNever = UINT64_MAX;

// Stops the whole process, as SIGSTOP from outside would, before its operation number `stop_at`.
class StoppingStorage final : public test::ForwardingStorage {
   public:
    StoppingStorage(std::unique_ptr<storage::Storage> inner, uint64_t stop_at)
        : ForwardingStorage(std::move(inner)), stop_at_(stop_at) {}

    base::Result<std::unique_ptr<storage::ObjectWriter>> Create(std::string_view key) override {
        Count();
        AGRI_ASSIGN(auto writer, ForwardingStorage::Create(key));
        return std::unique_ptr<storage::ObjectWriter>(new Writer(std::move(writer), *this));
    }
    base::Result<std::unique_ptr<storage::ObjectReader>> Open(std::string_view key) override {
        return Count(), ForwardingStorage::Open(key);
    }
    base::Result<std::optional<uint64_t>> Stat(std::string_view key) override {
        return Count(), ForwardingStorage::Stat(key);
    }
    base::Status List(
        std::string_view prefix,
        const std::function<base::Status(const storage::ObjectInfo&)>& visit) override {
        return Count(), ForwardingStorage::List(prefix, visit);
    }
    base::Result<std::vector<std::string>> Children(std::string_view prefix) override {
        return Count(), ForwardingStorage::Children(prefix);
    }
    base::Status Remove(std::string_view key) override {
        return Count(), ForwardingStorage::Remove(key);
    }

   private:
    class Writer final : public storage::ObjectWriter {
       public:
        Writer(std::unique_ptr<storage::ObjectWriter> inner, StoppingStorage& storage)
            : inner_(std::move(inner)), storage_(storage) {}
        base::Status Append(base::ByteView data) override { return inner_->Append(data); }
        base::Result<storage::PutOutcome> Commit() override {
            return storage_.Count(), inner_->Commit();
        }

       private:
        const std::unique_ptr<storage::ObjectWriter> inner_;
        StoppingStorage& storage_;
    };
    void Count() {
        if (count_++ == stop_at_) (void)raise(SIGSTOP);
    }

    const uint64_t stop_at_;
    std::atomic<uint64_t> count_{0};
};

// One server's process: its own view of the repository, and its backup.
class Process {
   public:
    Process(const test::TemporaryFolder& folder, uint64_t stop_at = kNever) {
        repo::RepositoryOptions options;
        options.uri = "file://" + folder.path();
        options.encryption_off = true;
        bool created = false;
        auto storage = Must(storage::PosixStorage::Open(folder.path(), test::CallsWithoutSync()));
        repository_ = Must(
            repo::Repository::Init(std::make_unique<StoppingStorage>(std::move(storage), stop_at),
                                   options, base::SystemRandom(), created));
        incarnation_.emplace(Must(repo::Incarnation::Register(
            *repository_, "main", {test::kTestSystem, 15, test::kTestSegmentBytes},
            base::SystemClock())));
    }
    const repo::Incarnation& incarnation() const { return *incarnation_; }
    // Its identifier. `before_end` is called when everything is copied.
    base::Result<std::string> Backup(const test::TestCluster& cluster,
                                     const std::function<void()>& before_end) const {
        test::FakeServer server(cluster, *incarnation_);
        server.archives_wal = false;
        server.on_stop = [&]() -> base::Status { return before_end(), base::Status(); };
        test::TestContext own;
        own.settings.lease_time = kLeaseTime;
        const Context context{own.settings, base::SystemClock(), base::SystemRandom(),
                              own.cancel,   own.get().log,       own.progress};
        AGRI_ASSIGN(auto header, RunBackup(*incarnation_, server, BackupRequest{}, context));
        return header.backup_id();
    }

   private:
    std::unique_ptr<repo::Repository> repository_;
    std::optional<repo::Incarnation> incarnation_;
};

class LeaseTakeover : public testing::Test {
   protected:
    // A repository with the WAL that backups need, and with what one that crashed left: an intent
    // and a pack.
    static void Prepare(const test::TemporaryFolder& folder) {
        const Process process(folder);
        for (uint64_t number : {0x20, 0x21})
            Must(test::ArchiveFiller(process.incarnation(), number));
        repo::format::BackupIntent intent;
        intent.set_backup_id(std::string(test::kTestBackup));
        intent.set_host("another");
        Must(repo::PutIntent(process.incarnation(), intent));
        repo::PackWriterOptions options;
        options.backup_id = test::kTestBackup;
        options.on_pack = [](repo::format::PackRef) {};
        repo::PackWriter packs(process.incarnation(), options);
        Must(packs.Append(test::Noise(1000, 1), {}));
        Must(packs.Finish());
    }
    // Whether the child stopped itself; false when it ended.
    static bool AwaitStop(pid_t child) {
        siginfo_t info{};
        EXPECT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED | WEXITED | WNOWAIT), 0);
        return info.si_code == CLD_STOPPED;
    }
    test::TestCluster cluster_;
};

TEST_F(LeaseTakeover, StoppedAtAnyOperation_HarmsNothingOnceItGoesOn) {
    cluster_.Write("base/5/16384", base::AsText(test::Noise(30000, 9)));
    const uint64_t step = getenv("AGRI_LONG") != nullptr ? 1 : 19;
    bool was_stopped = true;
    uint64_t stops = 0, fenced = 0;
    for (uint64_t operation = 0; was_stopped; operation += step) {
        SCOPED_TRACE(operation);
        ASSERT_LT(operation, 1000u);
        test::TemporaryFolder folder;
        Prepare(folder);
        test::Child stopped(
            [&] { return Process(folder, operation).Backup(cluster_, [] {}).has_value() ? 0 : 1; });
        was_stopped = AwaitStop(stopped.pid());
        stops += was_stopped;
        std::optional<int> exit_status;
        const auto go_on = [&] {
            stopped.Signal(SIGCONT);
            exit_status = stopped.AwaitExit();
        };
        // It goes on while the other one is at work, or after that.
        const bool meets_the_other = operation / step % 2 == 0;
        const Process other(folder);
        const auto taken = other.Backup(cluster_, [&] {
            if (meets_the_other) go_on();
        });
        ASSERT_TRUE(taken) << taken.error().ToString();
        if (!meets_the_other) go_on();
        ASSERT_TRUE(exit_status);
        fenced += *exit_status != 0;

        const auto backups = Must(repo::ListBackups(other.incarnation()));
        EXPECT_EQ(backups.size(), *exit_status == 0 ? 2u : 1u);
        bool is_there = false;
        for (const auto& backup : backups) {
            EXPECT_EQ(backup.problem, "");
            is_there |= backup.header.backup_id() == *taken;
            const auto read = test::ReadBack(other.incarnation(), backup.header.backup_id());
            EXPECT_EQ(read.files.at("0:base/5/16384"),
                      test::FileText(cluster_.Path("base/5/16384")));
        }
        EXPECT_TRUE(is_there);
        if (HasFailure()) return;
    }
    EXPECT_GT(fenced, stops / 2) << "of " << stops;
}

}  // namespace
}  // namespace agri::engine

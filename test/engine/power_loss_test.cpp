// The power goes at any system call of archiving, of a backup and of what else is put into the
// repository, on a real disk that then forgets whatever was not synced, files and folder entries
// alike. What was said to be done is there afterwards, and what was not is there whole or not at
// all. AGRI_LONG=1: at every call, not at every few.
#include <gtest/gtest.h>

#include "engine/backup.hpp"
#include "engine/test_cluster.hpp"
#include "engine/unfinished_wal.hpp"
#include "engine/wal_push.hpp"
#include "repo/claim.hpp"
#include "repo/schedule_run.hpp"
#include "storage/faulty_posix.hpp"
#include "storage/posix_storage.hpp"

namespace agri::engine {
namespace {

using base::Status;
using repo::format::ScheduleRun;
using test::FaultyPosix;
using test::Must;

uint64_t Step(uint64_t step) { return getenv("AGRI_LONG") != nullptr ? 1 : step; }

// A machine with a repository on a disk that can lose its power, and one without faults beside it.
struct Machine {
    base::Status Open(const storage::PosixCalls& calls) {
        repo::RepositoryOptions options;
        options.uri = "file://" + folder.path();
        options.encryption_off = true;
        bool created = false;
        AGRI_ASSIGN(auto storage, storage::PosixStorage::Open(folder.path(), calls));
        AGRI_ASSIGN(repository, repo::Repository::Init(std::move(storage), options,
                                                       base::SystemRandom(), created));
        AGRI_ASSIGN(repo::Incarnation main,
                    repo::Incarnation::Register(*repository, "main",
                                                {test::kTestSystem, 15, test::kTestSegmentBytes},
                                                base::SystemClock()));
        incarnation.emplace(std::move(main));
        return {};
    }
    void Close() {
        incarnation.reset();
        repository.reset();
    }
    // The power is back: as any process would find the repository.
    void LosePower(FaultyPosix::Lost lost) {
        Close();
        posix.CutPower(folder.path(), lost);
        posix.Resume();
    }

    test::TemporaryFolder folder;
    FaultyPosix posix;
    std::unique_ptr<repo::Repository> repository;
    std::optional<repo::Incarnation> incarnation;
};

// What an archiving process and its neighbours put, in order, and how far they came.
class Life {
   public:
    Life(Machine& machine, const wal::WalBuilder& wal) : machine_(machine) {
        for (uint64_t i = 0; i < 3; ++i) {
            names_.push_back(base::SegmentId{{1}, 3 + i}.FileName(test::kTestSegmentBytes));
            Write(names_.back(), base::AsText(wal.Segment(i)));
        }
        Write("00000002.history", "1\t0/600000\tno recovery target\n");
    }
    Status Live() {
        AGRI_TRY(machine_.Open(machine_.posix.calls()));
        is_initialised_ = true;
        const repo::Incarnation& main = *machine_.incarnation;
        AGRI_ASSIGN(auto claim, repo::EnsureClaim(main, server_.path(), {1}, clock_, random_));
        epoch_ = claim.epoch();
        WalPusher pusher(main, epoch_);
        for (size_t i = 0; i < 2; ++i) {
            AGRI_TRY(Push(pusher, names_[i]));
        }
        AGRI_ASSIGN(auto saved, pusher.PushUnfinished(Place(names_[2]), true, context_.get()));
        tail_end_ = saved.end;
        AGRI_ASSIGN(claim, repo::EnsureClaim(main, server_.path(), {2}, clock_, random_));
        epoch_ = claim.epoch();
        AGRI_TRY(Push(pusher, "00000002.history"));
        AGRI_ASSIGN(claim, repo::AdoptClaim(main, adopted_.path(), {2}, "adopt", clock_, random_));
        epoch_ = claim.epoch();
        return LiveOn(main);
    }
    // Everything that was said to be done, as an unhurt process finds it.
    void Check() {
        ASSERT_TRUE(!is_initialised_ || HasDescriptor());
        Must(machine_.Open(test::CallsWithoutSync()));
        const repo::Incarnation& main = *machine_.incarnation;
        const auto claim = Must(repo::CurrentClaim(main));
        EXPECT_GE(claim ? claim->epoch() : 0, epoch_);
        repo::WalArchive archive(main);
        for (const std::string& name : pushed_) {
            base::Bytes content;
            Must(archive.Read(*base::WalFileName::Parse(name), [&](base::ByteView part) -> Status {
                content.insert(content.end(), part.begin(), part.end());
                return {};
            }));
            EXPECT_TRUE(base::AsText(content) == test::FileText(Place(name))) << name;
        }
        if (tail_end_.IsValid()) {
            const auto tail = Must(UnfinishedWal(main).Read(
                *base::SegmentId::Parse(names_[2], test::kTestSegmentBytes)));
            ASSERT_TRUE(tail);
            EXPECT_EQ(tail->end, tail_end_);
            EXPECT_TRUE(base::AsText(tail->content) == test::FileText(Place(names_[2])));
        }
        const auto runs = Must(repo::ListLastRuns(main));
        if (run_) {
            ASSERT_EQ(runs.size(), 1u);
            EXPECT_GE(runs[0].state(), *run_);
        }
        EXPECT_EQ(Must(repo::ListIntents(main)).size() >= 1, has_intent_ || HasUnsaidIntent(main));
        if (has_tombstone_) {
            EXPECT_EQ(repo::ManifestReader::Open(main, test::kTestBackup).error().code,
                      base::ErrorCode::kNotFound);
            repo::format::Tombstone again = Tombstone();
            EXPECT_TRUE(repo::PutTombstone(main, again)) << "it stands there already";
        }
        if (has_expired_) {
            EXPECT_EQ(Must(repo::ListExpired(main)),
                      std::vector<std::string>{std::string(test::kTestBackup)});
        }
    }
    // And it goes on: what was done is found done, the rest is made up for.
    void GoOn() {
        Must(machine_.Open(machine_.posix.calls()));
        const repo::Incarnation& main = *machine_.incarnation;
        auto claim = repo::AdoptClaim(main, server_.path(), {2}, "adopt", clock_, random_);
        ASSERT_TRUE(claim) << claim.error().ToString();
        WalPusher pusher(main, claim->epoch());
        for (size_t i = 0; i < 2; ++i) Must(Push(pusher, names_[i]));
        Must(Push(pusher, "00000002.history"));
        tail_end_ = Must(pusher.PushUnfinished(Place(names_[2]), true, context_.get())).end;
    }

   private:
    Status LiveOn(const repo::Incarnation& main) {
        AGRI_ASSIGN(auto run, repo::ScheduledRun::Begin(main, {"nightly", 86400000000, 86400000001},
                                                        clock_, random_));
        run_ = ScheduleRun::RUNNING;
        AGRI_TRY(run.End(ScheduleRun::DONE, "a-backup", "", clock_));
        run_ = ScheduleRun::DONE;
        repo::format::BackupIntent intent;
        intent.set_backup_id(std::string(test::kTestBackup));
        AGRI_TRY(repo::PutIntent(main, intent));
        has_intent_ = true;
        AGRI_TRY(repo::PutTombstone(main, Tombstone()));
        has_tombstone_ = true;
        AGRI_TRY(repo::PutExpired(main, Tombstone()));
        has_expired_ = true;
        return {};
    }
    Status Push(WalPusher& pusher, const std::string& name) {
        auto pushed = pusher.Push(Place(name), context_.get());
        if (!pushed) return std::move(pushed).error();
        pushed_.insert(name);
        return {};
    }
    static repo::format::Tombstone Tombstone() {
        repo::format::Tombstone tombstone;
        tombstone.set_backup_id(std::string(test::kTestBackup));
        tombstone.set_reason("a test");
        return tombstone;
    }
    // Put, but its durability was not confirmed any more: there or not, both are right.
    bool HasUnsaidIntent(const repo::Incarnation& main) const {
        return !has_intent_ && !Must(repo::ListIntents(main)).empty();
    }
    bool HasDescriptor() const {
        return std::filesystem::exists(machine_.folder / "agri_backup.repository");
    }
    std::string Place(const std::string& name) const { return pg_wal_ / name; }
    void Write(const std::string& name, std::string_view content) {
        test::TestCluster::WriteFile(Place(name), content);
    }

    Machine& machine_;
    const test::TemporaryFolder pg_wal_, server_, adopted_;
    test::TestContext context_;
    const base::Clock& clock_ = base::SystemClock();
    base::Random& random_ = base::SystemRandom();
    std::vector<std::string> names_;

    bool is_initialised_ = false, has_intent_ = false, has_tombstone_ = false, has_expired_ = false;
    uint64_t epoch_ = 0;
    std::set<std::string> pushed_;
    base::Lsn tail_end_;
    std::optional<ScheduleRun::State> run_;
};

class PowerLoss : public testing::TestWithParam<FaultyPosix::Lost> {};

INSTANTIATE_TEST_SUITE_P(All, PowerLoss,
                         testing::Values(FaultyPosix::Lost::kContentOnly,
                                         FaultyPosix::Lost::kNamesAndContent),
                         [](const auto& info) {
                             return info.param == FaultyPosix::Lost::kContentOnly
                                        ? "Content"
                                        : "NamesAndContent";
                         });

TEST_P(PowerLoss, ArchivingAndRecords_AtAnyCall_KeepWhatWasAcknowledged) {
    wal::BuilderOptions options;
    options.major_version = 15;
    options.system_identifier = test::kTestSystem;
    wal::WalBuilder wal(options);
    for (uint32_t xid = 700; wal.segment_count() < 3; ++xid) {
        wal.Filler(5000);
        wal.Commit(xid, 1763812800'000000 + xid);
    }
    bool lived = false;
    uint64_t lives = 0;
    for (uint64_t calls = 0; !lived; calls += Step(41), ++lives) {
        SCOPED_TRACE(calls);
        ASSERT_LT(calls, 5000u);
        Machine machine;
        Life life(machine, wal);
        machine.posix.StopAfter(calls);
        lived = life.Live().has_value();
        machine.LosePower(GetParam());
        life.Check();
        life.GoOn();
        machine.LosePower(GetParam());
        life.Check();
        if (HasFailure()) return;
    }
    EXPECT_GT(lives, 5u);
}

TEST_P(PowerLoss, Backup_AtAnyCall_IsThereWholeOrNotAtAll) {
    test::TestCluster cluster;
    cluster.Write("base/5/16384", base::AsText(test::Noise(100000, 9)));
    bool is_done = false;
    for (uint64_t calls = 0; !is_done; calls += Step(11)) {
        SCOPED_TRACE(calls);
        ASSERT_LT(calls, 5000u);
        Machine machine;
        Must(machine.Open(machine.posix.calls()));
        test::FakeServer server(cluster, *machine.incarnation);
        server.archives_wal = false;
        for (uint64_t number : {0x20, 0x21}) server.Archive(number);
        test::TestContext context;
        machine.posix.StopAfter(calls);
        const auto header = RunBackup(*machine.incarnation, server, BackupRequest{}, context.get());
        is_done = header.has_value();
        machine.LosePower(GetParam());
        Must(machine.Open(test::CallsWithoutSync()));
        const auto backups = Must(repo::ListBackups(*machine.incarnation));
        EXPECT_TRUE(!header || backups.size() == 1);
        for (const auto& backup : backups) {
            EXPECT_EQ(backup.problem, "");
            const auto read = test::ReadBack(*machine.incarnation, backup.header.backup_id());
            EXPECT_EQ(read.files.at("0:base/5/16384"),
                      test::FileText(cluster.Path("base/5/16384")));
        }
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace agri::engine

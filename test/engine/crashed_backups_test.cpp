// What is removed of backups that crashed, and what stays whatever happens: packs of backups that
// exist, and everything while it is not certain what they are.
#include "engine/crashed_backups.hpp"

#include <gmock/gmock.h>

#include "engine/test_cluster.hpp"
#include "repo/catalog.hpp"
#include "storage/forwarding_storage.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::Must;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

constexpr const char* kOwn = "20261125T203501Z-full-0009";
constexpr const char* kCrashed = "20261124T203501Z-full-0001";

class CrashedBackupsTest : public testing::Test {
   protected:
    explicit CrashedBackupsTest(bool is_encrypted = true) : repository(is_encrypted) {}

    void Remove() {
        Must(RemoveCrashedBackups(repository.incarnation(), kOwn, lease, context.get()));
    }
    void PutIntent(const std::string& id) {
        repo::format::BackupIntent intent;
        intent.set_backup_id(id);
        intent.set_host("db1");
        intent.set_pid(4711);
        Must(repo::PutIntent(repository.incarnation(), intent));
    }
    // A pack as a backup leaves it that ends before its manifest.
    std::vector<repo::format::PackRef> PutPack(uint64_t seed) {
        test::TestPacks packs(repository);
        packs.Put(test::Noise(5000, seed));
        return packs.Finish();
    }
    void Commit(const std::string& id, const std::vector<repo::format::PackRef>& refs) {
        test::TestPacks none(repository);
        repo::ManifestWriter writer(repository.incarnation(), none.writer());
        Must(writer.FinishFiles());
        Must(writer.Commit(test::TestHeader(id), refs));
    }
    std::vector<std::string> Packs() const {
        return repository.Keys(repository.incarnation().keys().PackFolder());
    }
    std::vector<std::string> Intents() const {
        std::vector<std::string> ids;
        for (const auto& intent : Must(repo::ListIntents(repository.incarnation())))
            ids.push_back(intent.backup_id());
        return ids;
    }
    bool MayCommit(const std::string& id) {
        test::TestPacks none(repository);
        repo::ManifestWriter writer(repository.incarnation(), none.writer());
        Must(writer.FinishFiles());
        return writer.Commit(test::TestHeader(id), {}).has_value();
    }

    test::TestRepository repository;
    test::TestContext context;
    FirstError lost;
    LeaseKeeper lease{
        Must(repo::LeaseGuard::Acquire(repository.incarnation(),
                                       {.name = "backup", .time_to_live = std::chrono::hours(1)},
                                       repository.clock, base::SystemRandom())),
        std::chrono::hours(1), lost};
};

TEST_F(CrashedBackupsTest, NoIntentButOurs_RemovesNothing) {
    PutIntent(kOwn);
    PutPack(1);  // nobody's, but then nobody crashed since the last look
    Remove();
    EXPECT_THAT(Packs(), SizeIs(1));
    EXPECT_THAT(Intents(), ElementsAre(kOwn));
    EXPECT_EQ(context.log(), "");
}

TEST_F(CrashedBackupsTest, Crashed_ItsPacksAndIntentGoAndItCannotCommit) {
    const auto kept = PutPack(1);
    Commit("20261123T203501Z-full-0001", kept);
    const auto before = Packs();
    PutIntent(kCrashed);
    PutIntent(kOwn);
    PutPack(2);
    PutPack(3);
    Remove();
    EXPECT_THAT(Packs(), UnorderedElementsAreArray(before));
    EXPECT_THAT(Intents(), ElementsAre(kOwn));
    EXPECT_FALSE(MayCommit(kCrashed)) << "should its process only have been asleep";
    EXPECT_TRUE(MayCommit(kOwn));
    EXPECT_THAT(context.log(), HasSubstr("of process 4711 on host \"db1\" was never finished"));
    EXPECT_THAT(context.log(), HasSubstr("removed 2 packs"));
}

TEST_F(CrashedBackupsTest, CommittedWithItsIntentLeft_KeepsItsPacks) {
    Commit(kCrashed, PutPack(1));
    PutIntent(kCrashed);
    Remove();
    EXPECT_THAT(Packs(), SizeIs(1));
    EXPECT_THAT(Intents(), IsEmpty());
    const auto backups = Must(repo::ListBackups(repository.incarnation()));
    ASSERT_THAT(backups, SizeIs(1));
    EXPECT_EQ(backups[0].problem, "");
}

TEST_F(CrashedBackupsTest, ExpiredBackup_KeepsItsPacks) {
    const std::string expired = "20261120T203501Z-full-0001";
    Commit(expired, PutPack(1));
    repo::format::Tombstone tombstone;
    tombstone.set_backup_id(expired);
    Must(repo::PutExpired(repository.incarnation(), tombstone));
    PutIntent(kCrashed);
    Remove();
    EXPECT_THAT(Packs(), SizeIs(1));  // whoever expired it removes them
    EXPECT_THAT(Intents(), IsEmpty());
}

TEST_F(CrashedBackupsTest, ManifestThatCannotBeRead_NoPackIsRemoved) {
    Commit("20261123T203501Z-full-0001", PutPack(1));
    const std::string manifest =
        repository.incarnation().keys().Manifest("20261123T203501Z-full-0001");
    const base::Bytes intact = repository.Content(manifest);
    PutIntent(kCrashed);
    PutPack(2);
    for (const base::Bytes& damaged : {test::Noise(300, 1), base::Bytes{}}) {
        repository.disk->Overwrite(manifest, damaged);
        Remove();
        EXPECT_THAT(Packs(), SizeIs(2));
        EXPECT_THAT(Intents(), ElementsAre(kCrashed)) << "the next backup tries again";
    }
    EXPECT_THAT(context.log(), HasSubstr("stays there for now"));
    EXPECT_FALSE(MayCommit(kCrashed)) << "given up before anything is removed";
    repository.disk->Overwrite(manifest, intact);
    Remove();
    EXPECT_THAT(Packs(), SizeIs(1));
    EXPECT_THAT(Intents(), IsEmpty());
}

TEST_F(CrashedBackupsTest, IntentThatCannotBeRead_NothingIsRemoved) {
    PutIntent(kCrashed);
    PutPack(1);
    repository.disk->Overwrite(repository.incarnation().keys().Intent(kCrashed),
                               test::Noise(200, 1));
    Remove();
    EXPECT_THAT(Packs(), SizeIs(1));
    EXPECT_THAT(context.log(), HasSubstr("stays there for now"));
}

TEST_F(CrashedBackupsTest, StorageFailsAtAnyOperation_NextTimeAllIsRemoved) {
    Commit("20261123T203501Z-full-0001", PutPack(1));
    const auto before = Packs();
    using test::Operation;
    for (const auto operation :
         {Operation::kList, Operation::kOpen, Operation::kRead, Operation::kRemove}) {
        PutIntent(kCrashed);
        PutPack(2);
        // What a lease leaves is removed at its next renewal.
        const std::string where = operation == Operation::kRemove ? "packs/" : "";
        repository.disk->Fail({operation, ErrorCode::kUnavailable, where});
        Remove();
        EXPECT_THAT(Intents(), ElementsAre(kCrashed));
        Remove();
        EXPECT_THAT(Packs(), UnorderedElementsAreArray(before));
        EXPECT_THAT(Intents(), IsEmpty());
    }
}

TEST_F(CrashedBackupsTest, LeaseTakenOver_IsAnErrorAndNothingIsRemoved) {
    PutIntent(kCrashed);
    PutPack(1);
    // As if this process had slept: its lease expired, and another one's has been renewed since.
    for (const std::string& key :
         repository.Keys(repository.incarnation().keys().LeaseFolder("backup")))
        repository.disk->Erase(key);
    auto other = Must(repo::LeaseGuard::Acquire(repository.incarnation(), {.name = "backup"},
                                                repository.clock, base::SystemRandom()));
    for (int i = 0; i < 3; ++i) Must(other->Renew());
    const auto removed = RemoveCrashedBackups(repository.incarnation(), kOwn, lease, context.get());
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, ErrorCode::kConflict);
    EXPECT_THAT(removed.error().message, HasSubstr("the backup lost its lease"));
    EXPECT_THAT(Packs(), SizeIs(1));
    EXPECT_THAT(Intents(), ElementsAre(kCrashed));
}

TEST_F(CrashedBackupsTest, Cancelled_LeavesTheRestForTheNext) {
    PutIntent(kCrashed);
    PutPack(1);
    context.cancel.Cancel();
    Remove();
    EXPECT_THAT(Packs(), SizeIs(1));
    EXPECT_THAT(Intents(), ElementsAre(kCrashed));
}

// Calls back before packs are listed.
class SlowListing final : public test::ForwardingStorage {
   public:
    SlowListing(std::unique_ptr<storage::Storage> inner, std::function<void()> before_packs)
        : ForwardingStorage(std::move(inner)), before_packs_(std::move(before_packs)) {}
    base::Status List(
        std::string_view prefix,
        const std::function<base::Status(const storage::ObjectInfo&)>& visit) override {
        if (prefix.find("packs") != std::string_view::npos) before_packs_();
        return ForwardingStorage::List(prefix, visit);
    }

   private:
    const std::function<void()> before_packs_;
};

class CrashedBackupsRaceTest : public CrashedBackupsTest {
   protected:
    CrashedBackupsRaceTest() : CrashedBackupsTest(false) {}
};

// Its process slept between taking the lease and putting its intent, and goes on now.
TEST_F(CrashedBackupsRaceTest, SleeperWakesWhileListing_NoPackGoesOfWhatMayCommit) {
    const std::string sleeper = "20261124T203501Z-full-0002";
    auto storage =
        std::make_unique<SlowListing>(std::make_unique<test::MemoryStorage>(repository.disk), [&] {
            PutIntent(sleeper);
            PutPack(2);
        });
    auto opened = Must(
        repo::Repository::Open(std::move(storage), {.uri = "memory:", .encryption_off = true}));
    const auto incarnation = Must(repo::Incarnation::OpenNewest(*opened, "main"));
    PutIntent(kCrashed);
    Must(RemoveCrashedBackups(incarnation, kOwn, lease, context.get()));
    EXPECT_THAT(Packs(), IsEmpty());
    EXPECT_FALSE(MayCommit(sleeper));
    EXPECT_THAT(Intents(), IsEmpty());
}

}  // namespace
}  // namespace agri::engine

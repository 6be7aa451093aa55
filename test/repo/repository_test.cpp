// Init and open: idempotent, whatever races it or cuts it off, and refusing everything that is not
// exactly the repository asked for.
#include "repo/repository.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "repo/fixed_sealing.hpp"
#include "repo/repository_fixture.hpp"
#include "storage/forwarding_storage.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using testing::HasSubstr;

class RepositoryTest : public testing::Test, public test::RepositoryFixture {
   protected:
    static ErrorCode CodeOf(const base::Result<std::unique_ptr<Repository>>& result) {
        EXPECT_FALSE(result);
        return result ? ErrorCode::kInternal : result.error().code;
    }
    void Descriptor(std::string_view text) {
        base::ByteView bytes = base::AsBytes(text);
        disk->Overwrite(std::string(layout::kDescriptor), {bytes.begin(), bytes.end()});
    }
};

TEST_F(RepositoryTest, Init_EmptyFolder_MakesOneThatOpens) {
    auto made = Init(Options());
    ASSERT_TRUE(made) << made.error().ToString();
    EXPECT_TRUE(created);
    auto opened = Open(Options());
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ((*opened)->repository_id(), (*made)->repository_id());
    EXPECT_EQ((*opened)->current_key_version(), 1u);
    EXPECT_EQ((*opened)->key_slot_count(), 1u);
    ASSERT_TRUE(PutRecord((*made)->storage(), **made, "clusters/a", base::AsBytes("text")));
    auto read = GetRecord((*opened)->storage(), **opened, "clusters/a");
    ASSERT_TRUE(read);
    EXPECT_EQ(base::AsText(*read), "text");
}

TEST_F(RepositoryTest, Init_Again_OpensTheSame) {
    auto first = Init(Options());
    auto second = Init(Options());
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(created);
    EXPECT_EQ((*second)->repository_id(), (*first)->repository_id());
}

TEST_F(RepositoryTest, Init_Unsealed_WorksOnlyWhenSaidSo) {
    auto made = Init(Unsealed());
    ASSERT_TRUE(made) << made.error().ToString();
    EXPECT_EQ((*made)->method(), codec::SealingMethod::kNone);
    EXPECT_EQ((*made)->key_slot_count(), 0u);
    ASSERT_TRUE(Open(Unsealed()));
    auto with_key = Open(Options());
    EXPECT_EQ(CodeOf(with_key), ErrorCode::kConfiguration);
    EXPECT_THAT(with_key.error().message, HasSubstr("is not encrypted"));
    EXPECT_EQ(CodeOf(Init(Options())), ErrorCode::kConflict);
}

TEST_F(RepositoryTest, CheckSame_RemovedAndMadeAnew_SaysWhich) {
    auto repository = MakeRepository();
    EXPECT_TRUE(repository->CheckSame());
    for (const auto& [key, object] : disk->Snapshot()) disk->Erase(key);
    EXPECT_EQ(repository->CheckSame().error().code, ErrorCode::kNotInitialized);
    auto successor = MakeRepository();
    EXPECT_EQ(repository->CheckSame().error().code, ErrorCode::kConflict);
    EXPECT_TRUE(successor->CheckSame());
}

TEST_F(RepositoryTest, Init_ForeignContent_IsRefusedAndUntouched) {
    disk->Overwrite("PG_VERSION", base::Bytes(3));
    auto made = Init(Options());
    EXPECT_EQ(CodeOf(made), ErrorCode::kConflict);
    EXPECT_THAT(made.error().message, HasSubstr("PG_VERSION"));
    EXPECT_EQ(disk->Snapshot().size(), 1u);
}

TEST_F(RepositoryTest, Init_RepositoryThatLostItsDescriptor_IsRefused) {
    auto repository = MakeRepository();
    Main(*repository);
    disk->Erase(std::string(layout::kDescriptor));
    auto made = Init(Options());
    EXPECT_EQ(CodeOf(made), ErrorCode::kConflict);
    EXPECT_THAT(made.error().message, HasSubstr("no descriptor"));
    EXPECT_EQ(CodeOf(Open(Options())), ErrorCode::kNotInitialized);
}

TEST_F(RepositoryTest, Init_WithAnotherKey_IsConflict) {
    MakeRepository();
    auto made = Init(Options("other.key"));
    EXPECT_EQ(CodeOf(made), ErrorCode::kConflict);
    EXPECT_FALSE(created);
    EXPECT_THAT(made.error().message, HasSubstr("already initialised"));
}

TEST_F(RepositoryTest, Init_PowerLostAnywhere_IsRepairedByInit) {
    MakeRepository();
    uint64_t operations = disk->operations();
    for (auto unsynced : {test::Unsynced::kLost, test::Unsynced::kKept}) {
        for (uint64_t n = 0; n <= operations; ++n) {
            disk = std::make_shared<test::MemoryDisk>();
            disk->CutPowerAfter(n);
            (void)Init(Options());
            disk->PowerOn(unsynced);
            auto again = Init(Options());
            ASSERT_TRUE(again) << n << ": " << again.error().ToString();
            // What it says is durable.
            disk->PowerOn(test::Unsynced::kLost);
            auto opened = Open(Options());
            ASSERT_TRUE(opened) << n << ": " << opened.error().ToString();
            EXPECT_EQ((*opened)->repository_id(), (*again)->repository_id());
            EXPECT_EQ((*opened)->key_slot_count(), 1u);
        }
    }
}

TEST_F(RepositoryTest, Init_CutOffThenOtherKey_SaysWhoseSlotStandsThere) {
    disk->Fail({.operation = test::Operation::kPublish, .key_contains = "agri_backup.repository"});
    EXPECT_EQ(CodeOf(Init(Options())), ErrorCode::kUnavailable);
    auto made = Init(Options("other.key"));
    EXPECT_EQ(CodeOf(made), ErrorCode::kConflict);
    EXPECT_THAT(made.error().hint, HasSubstr("Run init again with that key"));
    EXPECT_EQ(CodeOf(Init(Unsealed())), ErrorCode::kConflict);
}

TEST_F(RepositoryTest, Init_ManyAtOnceWithOneKey_AgreeOnOneRepository) {
    RepositoryOptions options = Options();
    std::vector<std::unique_ptr<Repository>> repositories(4);
    std::atomic<int> makers{0};
    std::vector<std::thread> threads;
    for (auto& repository : repositories)
        threads.emplace_back([&] {
            bool made = false;
            auto result = Repository::Init(Storage(), options, random, made);
            if (result) repository = std::move(*result);
            makers += made ? 1 : 0;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(makers, 1);
    for (auto& repository : repositories) {
        ASSERT_TRUE(repository);
        EXPECT_EQ(repository->repository_id(), repositories[0]->repository_id());
    }
    EXPECT_EQ(disk->Snapshot().size(), 2u);
}

// Puts the descriptor of an init with another key just before ours would be.
class OvertakingStorage final : public test::ForwardingStorage {
   public:
    OvertakingStorage(test::RepositoryFixture& fixture, RepositoryOptions other)
        : ForwardingStorage(fixture.Storage()), fixture_(fixture), other_(std::move(other)) {}
    base::Result<std::unique_ptr<storage::ObjectWriter>> Create(std::string_view key) override {
        if (key == layout::kDescriptor) {
            // The slot of ours is not there yet for the other one.
            auto objects = fixture_.disk->Snapshot();
            for (const auto& [name, content] : objects) fixture_.disk->Erase(name);
            EXPECT_TRUE(fixture_.Init(other_));
            for (const auto& [name, content] : objects) fixture_.disk->Overwrite(name, *content);
        }
        return ForwardingStorage::Create(key);
    }

   private:
    test::RepositoryFixture& fixture_;
    RepositoryOptions other_;
};

TEST_F(RepositoryTest, Init_OvertakenByAnotherKey_GivesWayAndCleansUp) {
    RepositoryOptions other = Options("other.key");
    bool made = false;
    auto ours = Repository::Init(std::make_unique<OvertakingStorage>(*this, other), Options(),
                                 random, made);
    EXPECT_EQ(CodeOf(ours), ErrorCode::kConflict);
    EXPECT_FALSE(made);
    auto opened = Open(other);
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ((*opened)->key_slot_count(), 1u);
    EXPECT_EQ(disk->Snapshot().size(), 2u);
}

TEST_F(RepositoryTest, Open_NothingThere_IsNotInitialisedAndCreatesNothing) {
    auto opened = Open(Options());
    EXPECT_EQ(CodeOf(opened), ErrorCode::kNotInitialized);
    EXPECT_THAT(opened.error().message, HasSubstr("is not initialised or not mounted"));
    EXPECT_TRUE(disk->Snapshot().empty());
}

TEST_F(RepositoryTest, Open_WrongKey_IsAuthentication) {
    MakeRepository();
    EXPECT_EQ(CodeOf(Open(Options("other.key"))), ErrorCode::kAuthentication);
}

TEST_F(RepositoryTest, Open_MissingKey_IsConfiguration) {
    MakeRepository();
    EXPECT_EQ(CodeOf(Open({.uri = "memory:"})), ErrorCode::kConfiguration);
    EXPECT_EQ(CodeOf(Open({.uri = "memory:", .key_uri = "file:///nonexistent/a.key"})),
              ErrorCode::kConfiguration);
    auto off = Open(Unsealed());
    EXPECT_EQ(CodeOf(off), ErrorCode::kConfiguration);
    EXPECT_THAT(off.error().message, HasSubstr("is encrypted, but no key"));
    RepositoryOptions both = Options();
    both.encryption_off = true;
    EXPECT_EQ(CodeOf(Open(both)), ErrorCode::kConfiguration);
}

TEST_F(RepositoryTest, Open_KeyInsideTheDataDirectory_IsRefused) {
    MakeRepository();
    RepositoryOptions options = Options();
    options.data_directory = keys.path();
    auto opened = Open(options);
    EXPECT_EQ(CodeOf(opened), ErrorCode::kConfiguration);
    EXPECT_THAT(opened.error().message, HasSubstr("inside the data directory"));
    disk = std::make_shared<test::MemoryDisk>();
    EXPECT_EQ(CodeOf(Init(options)), ErrorCode::kConfiguration);
    EXPECT_TRUE(disk->Snapshot().empty());
}

TEST_F(RepositoryTest, Open_NewerFormat_IsUnsupportedAndInitTouchesNothing) {
    Descriptor(R"({"format": 2})");
    EXPECT_EQ(CodeOf(Open(Options())), ErrorCode::kUnsupported);
    EXPECT_EQ(CodeOf(Init(Options())), ErrorCode::kUnsupported);
    EXPECT_EQ(disk->Snapshot().size(), 1u);
}

TEST_F(RepositoryTest, Open_DescriptorSwappedForAnUnsealedOne_IsRefused) {
    MakeRepository();
    Descriptor(R"({"format":1,"repository_id":"000102030405060708090a0b0c0d0e0f",)"
               R"("sealing":"none","created":"2025-11-22T20:35:01Z"})");
    EXPECT_EQ(CodeOf(Open(Options())), ErrorCode::kConfiguration);
}

TEST_F(RepositoryTest, Open_DescriptorOfAnotherRepository_IsCorrupt) {
    MakeRepository();
    Descriptor(R"({"format":1,"repository_id":"000102030405060708090a0b0c0d0e0f",)"
               R"("sealing":"aes-256-gcm","created":"2025-11-22T20:35:01Z"})");
    EXPECT_EQ(CodeOf(Open(Options())), ErrorCode::kCorrupt);
}

TEST_F(RepositoryTest, Open_StorageIsAway_IsUnavailableNotUninitialised) {
    MakeRepository();
    disk->Fail({.operation = test::Operation::kOpen});
    EXPECT_EQ(CodeOf(Open(Options())), ErrorCode::kUnavailable);
}

TEST_F(RepositoryTest, KeyFor_UnknownVersion_IsAuthenticationAndNamesTheObject) {
    auto repository = MakeRepository();
    ObjectHeader header = repository->NewHeader(ObjectKind::kRecord);
    header.key_version = 9;
    auto key = repository->KeyFor(header, "the/object");
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, ErrorCode::kAuthentication);
    EXPECT_THAT(key.error().message, HasSubstr("the/object"));
    EXPECT_THAT(key.error().message, HasSubstr("version 9"));
}

TEST_F(RepositoryTest, NewHeader_EveryTime_HasAnotherSalt) {
    auto repository = MakeRepository();
    EXPECT_NE(repository->NewHeader(ObjectKind::kPack).salt,
              repository->NewHeader(ObjectKind::kPack).salt);
}

// The same on real files: unfinished writes and lost+found are no foreign content, and a key inside
// is found by its real path.
TEST_F(RepositoryTest, Init_PosixFolder_WorksAndRefusesAKeyInside) {
    test::TemporaryFolder folder;
    std::string uri = "file://" + folder / "repo";
    std::filesystem::create_directories(folder / "repo/lost+found");
    std::filesystem::create_directories(folder / "repo/.tmp");
    RepositoryOptions options = Options();
    options.uri = uri;
    for (bool expect_created : {true, false}) {
        auto made = Repository::Init(*storage::CreateStorage(uri), options, random, created);
        ASSERT_TRUE(made) << made.error().ToString();
        EXPECT_EQ(created, expect_created);
        Main(**made);
    }
    auto opened = Repository::Open(*storage::OpenStorage(uri), options);
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_TRUE(Incarnation::Open(**opened, "main", kIdentity));
    std::filesystem::create_symlink(folder / "repo/main.key", keys / "link.key");
    std::filesystem::copy(keys / "main.key", folder / "repo/main.key");
    options = Options("link.key");
    options.uri = uri;
    auto inside = Repository::Open(*storage::OpenStorage(uri), options);
    EXPECT_EQ(CodeOf(inside), ErrorCode::kConfiguration);
    EXPECT_THAT(inside.error().message, HasSubstr("inside the repository"));
}

TEST_F(RepositoryTest, Open_GoldenRepository_ReadsWhatItHolds) {
    for (const char* name : {"v1_descriptor", "v1_key_slot", "v1_incarnation"}) {
        test::Golden golden = test::ReadGolden(name);
        disk->Overwrite(golden.key, golden.content);
    }
    std::ofstream(keys / "golden.key")
        << "agri_backup-key-1:" << base::ToHex(test::Counting<32>(0x40)) << "\n";
    std::filesystem::permissions(keys / "golden.key", std::filesystem::perms::owner_read);
    auto repository = Open(Options("golden.key"));
    ASSERT_TRUE(repository) << repository.error().ToString();
    auto incarnation = Incarnation::Open(**repository, "main", kIdentity);
    ASSERT_TRUE(incarnation) << incarnation.error().ToString();
    EXPECT_EQ(incarnation->info().created_by(), "golden");
}

}  // namespace
}  // namespace agri::repo

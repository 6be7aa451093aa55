// The posix driver when the process dies or the power goes, after every single system call.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/temporary_folder.hpp"
#include "storage/faulty_posix.hpp"
#include "storage/posix_storage.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using storage::PosixStorage;
using storage::PutOutcome;
using Lost = FaultyPosix::Lost;


class PosixPowerLossTest : public testing::TestWithParam<Lost> {
   protected:
    struct Machine {
        TemporaryFolder folder;
        FaultyPosix posix;
        std::unique_ptr<storage::Storage> Open() {
            return PosixStorage::Open(folder.path(), posix.calls()).value();
        }
    };
    static std::string Get(const TemporaryFolder& folder) {
        auto content = PosixStorage::Open(folder.path()).value()->Get(kSampleKey, 1000);
        if (content) return std::string(base::AsText(*content));
        return std::string(base::ErrorCodeName(content.error().code));
    }
};

class PosixSyncTest : public testing::Test {
   protected:
    TemporaryFolder folder_;
    FaultyPosix posix_;
    std::unique_ptr<storage::Storage> storage_ =
        PosixStorage::Open(folder_.path(), posix_.calls()).value();
};

INSTANTIATE_TEST_SUITE_P(All, PosixPowerLossTest,
                         testing::Values(Lost::kContentOnly, Lost::kNamesAndContent),
                         [](const auto& info) {
                             return info.param == Lost::kContentOnly ? "Content"
                                                                     : "NamesAndContent";
                         });

TEST_P(PosixPowerLossTest, Put_PowerLostAfterAnyCall_KeepsWhatWasAcknowledged) {
    bool acknowledged = false;
    for (uint64_t calls = 0; !acknowledged; calls++) {
        SCOPED_TRACE(calls);
        Machine machine;
        auto storage = machine.Open();
        machine.posix.StopAfter(calls);
        auto outcome = storage->Put(kSampleKey, AsBytes(kSampleContent));
        storage.reset();
        acknowledged = outcome.has_value();
        machine.posix.CutPower(machine.folder.path(), GetParam());
        std::string shown = Get(machine.folder);
        EXPECT_TRUE(shown == kSampleContent || (!outcome && shown == "not_found")) << shown;

        machine.posix.Resume();
        auto again = machine.Open()->Put(kSampleKey, AsBytes(kSampleContent));
        ASSERT_TRUE(again);
        EXPECT_EQ(Get(machine.folder), kSampleContent);
        ASSERT_LT(calls, 100u);
    }
}

// The first writer dies anywhere; the second finds or writes the object and says so; then the power
// goes. The second one's word must hold although the first never synced its name or its folders.
TEST_P(PosixPowerLossTest, EnsureDurable_FirstWriterDiedAfterAnyCall_MakesUpForIt) {
    bool acknowledged = false, found = false;
    for (uint64_t calls = 0; !acknowledged; calls++) {
        SCOPED_TRACE(calls);
        Machine machine;
        auto first = machine.Open(), second = machine.Open();
        machine.posix.StopAfter(calls);
        acknowledged = first->Put(kSampleKey, AsBytes(kSampleContent)).has_value();
        first.reset();
        machine.posix.Resume();

        auto outcome = second->Put(kSampleKey, AsBytes(kSampleContent));
        ASSERT_TRUE(outcome);
        found |= !acknowledged && *outcome == PutOutcome::kExists;
        if (*outcome == PutOutcome::kExists) {
            ASSERT_TRUE(second->EnsureDurable(kSampleKey));
        }
        machine.posix.CutPower(machine.folder.path(), GetParam());
        EXPECT_EQ(Get(machine.folder), kSampleContent);
    }
    EXPECT_TRUE(found);
}

// The folders exist, but whoever made them died before syncing them.
TEST_P(PosixPowerLossTest, Put_IntoFoldersOfADeadWriter_IsDurable) {
    bool acknowledged = false;
    for (uint64_t calls = 0; !acknowledged; calls++) {
        SCOPED_TRACE(calls);
        Machine machine;
        auto storage = machine.Open();
        machine.posix.StopAfter(calls);
        acknowledged = storage->Put("a/b/neighbour", AsBytes("x")).has_value();
        machine.posix.Resume();
        ASSERT_EQ(storage->Put(kSampleKey, AsBytes(kSampleContent)), PutOutcome::kCreated);
        machine.posix.CutPower(machine.folder.path(), GetParam());
        EXPECT_EQ(Get(machine.folder), kSampleContent);
    }
}

// The first storage knows folder "a" as durable; then others remove it and make it anew without
// syncing it. It must notice that this is not the folder it knew.
TEST_P(PosixPowerLossTest, Put_IntoAFolderRemadeByOthers_IsDurable) {
    bool acknowledged = false;
    for (uint64_t calls = 0; !acknowledged; calls++) {
        SCOPED_TRACE(calls);
        Machine machine;
        auto first = machine.Open(), second = machine.Open();
        ASSERT_TRUE(first->Put(kSampleKey, AsBytes("earlier")));
        ASSERT_TRUE(second->Remove(kSampleKey));
        machine.posix.StopAfter(calls);
        acknowledged = second->Put("a/b/neighbour", AsBytes("x")).has_value();
        machine.posix.Resume();
        ASSERT_EQ(first->Put(kSampleKey, AsBytes(kSampleContent)), PutOutcome::kCreated);
        machine.posix.CutPower(machine.folder.path(), GetParam());
        EXPECT_EQ(Get(machine.folder), kSampleContent);
    }
}

TEST_F(PosixSyncTest, Put_IntoAKnownFolder_SyncsFileAndFolderOnly) {
    base::Fd root(open(folder_.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (storage::DurableFolders::IdentityOf(posix_.calls(), root.get()).empty())
        GTEST_SKIP() << "the file system of " << folder_.path() << " has no file handles";
    ASSERT_TRUE(storage_->Put("a/b/1", AsBytes("x")));
    EXPECT_EQ(posix_.syncs(), 4u) << "file, b, a, root";
    ASSERT_TRUE(storage_->Put("a/b/2", AsBytes("x")));
    EXPECT_EQ(posix_.syncs(), 4 + 2u);
    ASSERT_TRUE(storage_->Put("a/c/3", AsBytes("x")));
    EXPECT_EQ(posix_.syncs(), 4 + 2 + 3u) << "file, c, a";
}

TEST_F(PosixSyncTest, Remove_PresentOrAbsent_SyncsTheFolderAfterwards) {
    ASSERT_TRUE(storage_->Put("a/neighbour", AsBytes("x")));
    ASSERT_TRUE(storage_->Put("a/b", AsBytes("x")));
    auto first = static_cast<ptrdiff_t>(posix_.trace().size());
    ASSERT_TRUE(storage_->Remove("a/b"));
    std::vector<std::string> calls(posix_.trace().begin() + first, posix_.trace().end());
    auto unlinked = std::find(calls.begin(), calls.end(), "unlinkat");
    EXPECT_NE(std::find(unlinked, calls.end(), "fsync"), calls.end());
    uint64_t syncs = posix_.syncs();
    ASSERT_TRUE(storage_->Remove("a/b"));
    EXPECT_GT(posix_.syncs(), syncs) << "whoever removed it may have died before its own fsync";
}

TEST_F(PosixSyncTest, Put_FileSystemWithoutHandles_SyncsUpToTheRoot) {
    storage::PosixCalls calls = posix_.calls();
    calls.name_to_handle_at = [](int, const char*, file_handle*, int*, int) {
        return errno = EOPNOTSUPP, -1;
    };
    auto storage = PosixStorage::Open(folder_.path(), calls).value();
    ASSERT_TRUE(storage->Put("a/b/1", AsBytes("x")));
    ASSERT_TRUE(storage->Put("a/b/2", AsBytes("x")));
    EXPECT_EQ(posix_.syncs(), 8u);
}

TEST(PosixStutterTest, EveryCall_InterruptedAndShort_SucceedsInTheEnd) {
    TemporaryFolder folder;
    FaultyPosix posix;
    posix.Stutter();
    auto storage = PosixStorage::Open(folder.path(), posix.calls()).value();
    EXPECT_EQ(storage->Put(kSampleKey, AsBytes(kSampleContent)), PutOutcome::kCreated);
    EXPECT_EQ(storage->Put(kSampleKey, AsBytes("other")), PutOutcome::kExists);
    EXPECT_EQ(base::AsText(storage->Get(kSampleKey, 1000).value()), kSampleContent);
    EXPECT_TRUE(storage->EnsureDurable(kSampleKey));
    EXPECT_EQ(storage->Children("a/b/").value().size(), 1u);
    EXPECT_TRUE(storage->RemoveLitter());
    EXPECT_TRUE(storage->Remove(kSampleKey));
    EXPECT_EQ(storage->Stat(kSampleKey).value(), std::nullopt);
}

}  // namespace
}  // namespace agri::test

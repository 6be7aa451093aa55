// The posix driver when the process dies or the power goes, after every single system call.
#include <gtest/gtest.h>

#include "base/temporary_folder.hpp"
#include "storage/faulty_posix.hpp"
#include "storage/posix_storage.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using storage::PosixStorage;
using storage::PutOutcome;
using Lost = FaultyPosix::Lost;

constexpr std::string_view kContent = "what the object holds";
constexpr char kKey[] = "a/b/object";

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
        auto content = PosixStorage::Open(folder.path()).value()->Get(kKey, 1000);
        if (content) return std::string(base::AsText(*content));
        return std::string(base::ErrorCodeName(content.error().code));
    }
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
        auto outcome = storage->Put(kKey, AsBytes(kContent));
        storage.reset();
        acknowledged = outcome.has_value();
        machine.posix.CutPower(machine.folder.path(), GetParam());
        std::string shown = Get(machine.folder);
        EXPECT_TRUE(shown == kContent || (!outcome && shown == "not_found")) << shown;

        machine.posix.Resume();
        auto again = machine.Open()->Put(kKey, AsBytes(kContent));
        ASSERT_TRUE(again);
        EXPECT_EQ(Get(machine.folder), kContent);
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
        acknowledged = first->Put(kKey, AsBytes(kContent)).has_value();
        first.reset();
        machine.posix.Resume();

        auto outcome = second->Put(kKey, AsBytes(kContent));
        ASSERT_TRUE(outcome);
        found |= !acknowledged && *outcome == PutOutcome::kExists;
        if (*outcome == PutOutcome::kExists) {
            ASSERT_TRUE(second->EnsureDurable(kKey));
        }
        machine.posix.CutPower(machine.folder.path(), GetParam());
        EXPECT_EQ(Get(machine.folder), kContent);
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
        ASSERT_EQ(storage->Put(kKey, AsBytes(kContent)), PutOutcome::kCreated);
        machine.posix.CutPower(machine.folder.path(), GetParam());
        EXPECT_EQ(Get(machine.folder), kContent);
    }
}

TEST(PosixStutterTest, EveryCall_InterruptedAndShort_SucceedsInTheEnd) {
    TemporaryFolder folder;
    FaultyPosix posix;
    posix.Stutter();
    auto storage = PosixStorage::Open(folder.path(), posix.calls()).value();
    EXPECT_EQ(storage->Put(kKey, AsBytes(kContent)), PutOutcome::kCreated);
    EXPECT_EQ(storage->Put(kKey, AsBytes("other")), PutOutcome::kExists);
    EXPECT_EQ(base::AsText(storage->Get(kKey, 1000).value()), kContent);
    EXPECT_TRUE(storage->EnsureDurable(kKey));
    EXPECT_EQ(storage->Children("a/b/").value().size(), 1u);
    EXPECT_TRUE(storage->RemoveLitter());
    EXPECT_TRUE(storage->Remove(kKey));
    EXPECT_EQ(storage->Stat(kKey).value(), std::nullopt);
}

}  // namespace
}  // namespace agri::test

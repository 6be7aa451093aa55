// The double that other layers' tests rest on: its power losses and faults.
#include "storage/memory_storage.hpp"

#include <gtest/gtest.h>

namespace agri::test {
namespace {

using base::AsBytes;
using base::ErrorCode;
using storage::PutOutcome;

class MemoryStorageTest : public testing::Test {
   protected:
    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
    MemoryStorage storage_{disk_};
};

TEST_F(MemoryStorageTest, CutPower_DuringPut_LosesWhatWasNotAcknowledged) {
    // Create, Append, publish, sync.
    for (uint64_t operations = 0; operations <= 4; operations++)
        for (Unsynced unsynced : {Unsynced::kLost, Unsynced::kKept}) {
            auto disk = std::make_shared<MemoryDisk>();
            MemoryStorage storage(disk);
            disk->CutPowerAfter(operations);
            auto outcome = storage.Put("a", AsBytes("x"));
            EXPECT_EQ(outcome.has_value(), operations == 4);
            EXPECT_EQ(storage.Stat("a").error().code, ErrorCode::kUnavailable);
            disk->PowerOn(unsynced);
            bool expected = operations == 4 || (operations == 3 && unsynced == Unsynced::kKept);
            EXPECT_EQ(storage.Stat("a").value().has_value(), expected) << operations;
        }
}

TEST_F(MemoryStorageTest, CutPower_DuringRemove_MayBringTheObjectBack) {
    ASSERT_TRUE(storage_.Put("a", AsBytes("x")));
    disk_->CutPowerAfter(1);
    EXPECT_FALSE(storage_.Remove("a"));
    disk_->PowerOn(Unsynced::kLost);
    EXPECT_EQ(storage_.Stat("a").value(), 1u);
    EXPECT_TRUE(storage_.Remove("a"));
    disk_->CutPowerAfter(0);
    disk_->PowerOn(Unsynced::kLost);
    EXPECT_EQ(storage_.Stat("a").value(), std::nullopt);
}

TEST_F(MemoryStorageTest, EnsureDurable_AfterALostSync_KeepsTheObject) {
    disk_->Fail({.operation = Operation::kSync});
    EXPECT_FALSE(storage_.Put("a", AsBytes("x")));
    EXPECT_EQ(storage_.Put("a", AsBytes("x")), PutOutcome::kExists);
    EXPECT_TRUE(storage_.EnsureDurable("a"));
    disk_->PowerOn(Unsynced::kLost);
    EXPECT_EQ(storage_.Stat("a").value(), 1u);
}

TEST_F(MemoryStorageTest, PowerOn_OpenWriter_StaysDeadAndIsLitter) {
    auto writer = storage_.Create("a").value();
    disk_->CutPowerAfter(0);
    disk_->PowerOn(Unsynced::kKept);
    EXPECT_EQ(writer->Commit().error().code, ErrorCode::kUnavailable);
    writer.reset();
    EXPECT_EQ(storage_.RemoveLitter().value(), 1u);
    EXPECT_EQ(storage_.RemoveLitter().value(), 0u);
}

TEST_F(MemoryStorageTest, Fail_SkipsCountsAndMatchesKeys) {
    ASSERT_TRUE(storage_.Put("a/1", AsBytes("x")));
    disk_->Fail({.operation = Operation::kStat,
                 .code = ErrorCode::kNoSpace,
                 .key_contains = "a/",
                 .skip = 1,
                 .times = 2});
    EXPECT_TRUE(storage_.Stat("b"));
    EXPECT_TRUE(storage_.Stat("a/1"));
    EXPECT_EQ(storage_.Stat("a/1").error().code, ErrorCode::kNoSpace);
    EXPECT_TRUE(storage_.Stat("b"));
    EXPECT_EQ(storage_.Stat("a/2").error().code, ErrorCode::kNoSpace);
    EXPECT_TRUE(storage_.Stat("a/1"));
}

TEST_F(MemoryStorageTest, Tampering_BehindTheStorage_IsSeen) {
    ASSERT_TRUE(storage_.Put("a", AsBytes("x")));
    disk_->Overwrite("a", base::Bytes(3));
    EXPECT_EQ(storage_.Stat("a").value(), 3u);
    EXPECT_EQ(disk_->Snapshot().size(), 1u);
    disk_->Erase("a");
    EXPECT_EQ(storage_.Stat("a").value(), std::nullopt);
}

}  // namespace
}  // namespace agri::test

// What is asked again, what never, and how long the pauses are.
#include "storage/retrying_storage.hpp"

#include <gtest/gtest.h>

#include "storage/forwarding_storage.hpp"
#include "storage/manual_time.hpp"
#include "storage/memory_storage.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using base::ErrorCode;
using std::chrono::milliseconds;
using storage::PutOutcome;
using storage::RetryingStorage;
using storage::RetryOptions;
using storage::RetryPolicy;

class RetryingStorageTest : public testing::Test {
   protected:
    std::unique_ptr<RetryingStorage> Open(RetryOptions options, base::Random& random) {
        return std::make_unique<RetryingStorage>(
            std::make_unique<MemoryStorage>(disk_),
            std::make_shared<RetryPolicy>(options, clock_, random, waits_.waiter()));
    }
    void SetUp() override {
        ASSERT_EQ(storage_->Put("a/b", AsBytes("content")), PutOutcome::kCreated);
    }

    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
    ManualClock clock_;
    ManualWaits waits_{clock_};
    ConstantRandom zero_{std::byte(0)};
    // Delays: 100, 200, 400 … but never above a second, and no attempt after five seconds.
    const RetryOptions options_{milliseconds(100), milliseconds(1000), milliseconds(5000), 3};
    std::unique_ptr<RetryingStorage> storage_ = Open(options_, zero_);
};

TEST_F(RetryingStorageTest, EveryRepeatableCall_UnavailableForAWhile_Succeeds) {
    for (Operation operation :
         {Operation::kCreate, Operation::kOpen, Operation::kRead, Operation::kStat,
          Operation::kList, Operation::kRemove, Operation::kOther})
        disk_->Fail({.operation = operation, .times = 4});
    EXPECT_TRUE(storage_->Stat("a/b"));
    EXPECT_TRUE(storage_->Children(""));
    EXPECT_TRUE(storage_->Space());
    EXPECT_EQ(base::AsText(storage_->Get("a/b", 100).value()), "content");
    EXPECT_EQ(storage_->Put("c", AsBytes("x")), PutOutcome::kCreated);
    disk_->Fail({.operation = Operation::kSync, .times = 4});
    EXPECT_TRUE(storage_->EnsureDurable("a/b"));
    EXPECT_TRUE(storage_->Remove("a/b"));
    disk_->Fail({.operation = Operation::kOther, .times = 4});
    EXPECT_TRUE(storage_->RemoveLitter());
    EXPECT_EQ(waits_.waits().size(), 9 * 4u);
}

TEST_F(RetryingStorageTest, Pauses_HighestDraw_DoubleUpToTheCap) {
    // The draw is a 64-bit number modulo (bound + 1); 2^64-1 is chosen so that it is easy to
    // follow.
    ConstantRandom high(std::byte(0xff));
    disk_->Fail({.operation = Operation::kStat, .times = 6});
    ASSERT_TRUE(Open(options_, high)->Stat("a/b"));
    std::vector<milliseconds> expected;
    for (uint64_t bound : {100, 200, 400, 800, 1000, 1000})
        expected.emplace_back(UINT64_MAX % (bound + 1));
    EXPECT_EQ(waits_.waits(), expected);
    for (milliseconds wait : waits_.waits()) EXPECT_LE(wait, options_.longest_delay);
}

TEST_F(RetryingStorageTest, Deadline_Passed_ReturnsTheLastErrorWithTheStory) {
    ConstantRandom high(std::byte(0xff));
    disk_->Fail({.operation = Operation::kStat, .times = 1000000});
    auto size = Open(options_, high)->Stat("a/b");
    ASSERT_FALSE(size);
    EXPECT_EQ(size.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(size.error().detail.find("Tried "), std::string::npos) << size.error().detail;
    EXPECT_GE(waits_.total(), options_.deadline);
    EXPECT_LE(waits_.total(), options_.deadline + options_.longest_delay);
}

TEST_F(RetryingStorageTest, EveryWait_IsToldOfWithItsReason) {
    std::vector<std::string> told;
    RetryOptions options = options_;
    options.on_wait = [&](const base::Error& error) { told.push_back(error.message); };
    auto storage = Open(options, zero_);
    disk_->Fail({.operation = Operation::kStat, .times = 3});
    EXPECT_TRUE(storage->Stat("a/b"));
    ASSERT_EQ(told.size(), 3u);
    EXPECT_NE(told[0].find("injected fault"), std::string::npos) << told[0];
    disk_->Fail({.operation = Operation::kStat, .code = ErrorCode::kNoSpace});
    EXPECT_FALSE(storage->Stat("a/b"));
    EXPECT_EQ(told.size(), 3u) << "what is not tried again is the caller's to tell";
}

TEST_F(RetryingStorageTest, Cancelled_WhileWaiting_ReturnsAtOnce) {
    waits_.cancel_at = 2;
    disk_->Fail({.operation = Operation::kStat, .times = 1000000});
    EXPECT_EQ(storage_->Stat("a/b").error().code, ErrorCode::kCancelled);
    EXPECT_EQ(waits_.waits().size(), 2u);
}

TEST_F(RetryingStorageTest, OtherErrors_AreReturnedAtOnce) {
    for (ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kPermission, ErrorCode::kCorrupt,
                           ErrorCode::kNotInitialized, ErrorCode::kNoSpace}) {
        disk_->Fail({.operation = Operation::kOpen, .code = code});
        EXPECT_EQ(storage_->Open("a/b").error().code, code);
    }
    EXPECT_EQ(waits_.waits().size(), 0u);
}

TEST_F(RetryingStorageTest, ReadsWithIoErrors_AreTriedThreeTimes) {
    disk_->Fail({.operation = Operation::kRead, .code = ErrorCode::kIo, .times = 2});
    EXPECT_TRUE(storage_->Get("a/b", 100));
    disk_->Fail({.operation = Operation::kRead, .code = ErrorCode::kIo, .times = 3});
    EXPECT_EQ(storage_->Get("a/b", 100).error().code, ErrorCode::kIo);
    EXPECT_EQ(waits_.waits().size(), 4u);
    disk_->Fail({.operation = Operation::kRemove, .code = ErrorCode::kIo});
    EXPECT_EQ(storage_->Remove("a/b").error().code, ErrorCode::kIo);
    EXPECT_EQ(waits_.waits().size(), 4u);
}

TEST_F(RetryingStorageTest, AppendAndCommit_Unavailable_AreNeverRepeated) {
    for (Operation operation : {Operation::kAppend, Operation::kPublish, Operation::kSync}) {
        disk_->Fail({.operation = operation});
        EXPECT_EQ(storage_->Put("new", AsBytes("x")).error().code, ErrorCode::kUnavailable);
    }
    EXPECT_EQ(waits_.waits().size(), 0u);
    EXPECT_EQ(storage_->Put("new", AsBytes("x")), PutOutcome::kExists) << "published before kSync";
}

// A driver that says so: its first two Commits fail, the third one creates.
class RepeatableStorage final : public ForwardingStorage {
   public:
    using ForwardingStorage::ForwardingStorage;
    class Writer final : public storage::ObjectWriter {
       public:
        base::Status Append(base::ByteView) override { return {}; }
        base::Result<PutOutcome> Commit() override {
            if (++commits_ < 3) return base::MakeError(ErrorCode::kUnavailable, "not yet");
            return PutOutcome::kCreated;
        }
        bool CanRepeatCommit() const override { return true; }

       private:
        int commits_ = 0;
    };
    base::Result<std::unique_ptr<storage::ObjectWriter>> Create(std::string_view) override {
        return std::unique_ptr<storage::ObjectWriter>(new Writer);
    }
};

TEST_F(RetryingStorageTest, Commit_OfADriverThatAllowsIt_IsRepeated) {
    RetryingStorage storage(
        std::make_unique<RepeatableStorage>(std::make_unique<MemoryStorage>(disk_)),
        std::make_shared<RetryPolicy>(options_, clock_, zero_, waits_.waiter()));
    EXPECT_EQ(storage.Put("a", AsBytes("x")), PutOutcome::kCreated);
}

// Fails after one object, after two at the next attempt, and so on, as a listing in pages may.
class PagedStorage final : public ForwardingStorage {
   public:
    using ForwardingStorage::ForwardingStorage;
    base::Status List(
        std::string_view prefix,
        const std::function<base::Status(const storage::ObjectInfo&)>& visit) override {
        size_t left = ++attempts_;
        auto counted = [&](const storage::ObjectInfo& object) -> base::Status {
            if (left-- == 0) return base::MakeError(ErrorCode::kUnavailable, "page lost");
            return visit(object);
        };
        return ForwardingStorage::List(prefix, counted);
    }

   private:
    size_t attempts_ = 0;
};

TEST_F(RetryingStorageTest, List_BrokenInTheMiddle_VisitsEveryObjectOnce) {
    std::vector<std::string> keys = {"a/b", "c", "d", "e"}, visited;
    for (const std::string& key : keys) (void)storage_->Put(key, AsBytes("x"));
    RetryingStorage storage(
        std::make_unique<PagedStorage>(std::make_unique<MemoryStorage>(disk_)),
        std::make_shared<RetryPolicy>(options_, clock_, zero_, waits_.waiter()));
    EXPECT_TRUE(storage.List("", [&](const storage::ObjectInfo& object) -> base::Status {
        visited.push_back(object.key);
        return {};
    }));
    EXPECT_EQ(visited, keys);
}

}  // namespace
}  // namespace agri::test

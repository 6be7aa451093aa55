#include "worker/archive_queue.hpp"

#include <gtest/gtest.h>

namespace agri::worker {
namespace {

using std::chrono::milliseconds;

// Jitter at its longest: a wait is exactly the back-off's bound.
class FullRandom final : public base::Random {
   public:
    void Fill(base::MutableBytes out) override {
        std::fill(out.begin(), out.end(), std::byte{0xff});
    }
};

class ArchiveQueueTest : public testing::Test {
   protected:
    static ArchiveFailure Outage() {
        return {base::Error(base::ErrorCode::kUnavailable, "storage is down"),
                FailureScope::kStorage};
    }
    static ArchiveFailure Conflict() {
        return {base::Error(base::ErrorCode::kConflict, "other content"), FailureScope::kFile};
    }
    // The names taken until there is no more to take.
    std::vector<std::string> TakeAll() {
        std::vector<std::string> names;
        while (auto work = queue_.Take(now_)) names.push_back(work->name);
        return names;
    }
    void Durable(const std::string& name) { queue_.FinishDurable({name}, kStamp); }
    void Fail(const std::string& name, ArchiveFailure failure) {
        queue_.FinishFailed({name}, std::move(failure), now_);
    }
    using Names = std::vector<std::string>;

    static constexpr FileStamp kStamp{1, 2, 3};
    FullRandom random_;
    base::MonotonicTime now_{std::chrono::hours(1)};
    ArchiveQueue queue_{{.parallel = 2, .backoff = {milliseconds(1000), milliseconds(4000)}},
                        random_};
};

TEST_F(ArchiveQueueTest, Take_RequestedAndReady_RequestedFirstAndBoundedByParallel) {
    queue_.SetReady({"A", "B", "C"}, true);
    queue_.Request("C", kStamp);
    EXPECT_EQ(TakeAll(), (Names{"C", "A"}));
    Durable("C");
    EXPECT_TRUE(queue_.IsDurable("C"));
    EXPECT_EQ(TakeAll(), (Names{"B"}));
}

TEST_F(ArchiveQueueTest, Take_DurableStillReady_NotTakenAgainUntilItChanges) {
    queue_.SetReady({"A"}, true);
    EXPECT_EQ(TakeAll(), (Names{"A"}));
    Durable("A");
    EXPECT_EQ(TakeAll(), Names{});
    queue_.Request("A", kStamp);
    EXPECT_TRUE(queue_.IsDurable("A"));
    queue_.Request("A", FileStamp{9, 2, 3});
    EXPECT_FALSE(queue_.IsDurable("A"));
    EXPECT_EQ(TakeAll(), (Names{"A"}));
}

TEST_F(ArchiveQueueTest, SetReady_NameNoLongerReady_IsForgotten) {
    queue_.SetReady({"A", "B", "C"}, true);
    TakeAll();
    Durable("A");
    Durable("B");
    queue_.SetReady({"B", "C"}, true);
    EXPECT_FALSE(queue_.IsDurable("A"));
    EXPECT_TRUE(queue_.IsDurable("B"));
    EXPECT_EQ(queue_.durable_ready(), 1u);
}

TEST_F(ArchiveQueueTest, SetReady_IncompleteList_KeepsWhatLiesBehindIt) {
    queue_.SetReady({"A", "B", "C"}, true);
    TakeAll();
    Durable("A");
    Durable("B");
    TakeAll();
    Durable("C");
    queue_.SetReady({"B"}, false);
    EXPECT_FALSE(queue_.IsDurable("A"));
    EXPECT_TRUE(queue_.IsDurable("C"));
}

TEST_F(ArchiveQueueTest, Take_ManyDurableStillReady_StopsLookingAheadButServesRequests) {
    ArchiveQueue queue({.parallel = 8, .remembered = 2}, random_);
    queue.SetReady({"A", "B", "C"}, true);
    EXPECT_EQ(queue.Take(now_)->name, "A");
    EXPECT_EQ(queue.Take(now_)->name, "B");
    EXPECT_FALSE(queue.Take(now_));
    queue.Request("C", kStamp);
    EXPECT_EQ(queue.Take(now_)->name, "C");
}

TEST_F(ArchiveQueueTest, Outage_TwoInWork_OneFailureThenOneTryAtATime) {
    queue_.SetReady({"A", "B", "C"}, true);
    EXPECT_EQ(TakeAll(), (Names{"A", "B"}));
    Fail("A", Outage());
    Fail("B", Outage());
    ASSERT_NE(queue_.FailureOf("A", now_), nullptr);
    EXPECT_EQ(queue_.FailureOf("C", now_)->message, "storage is down");
    EXPECT_EQ(TakeAll(), Names{});
    EXPECT_EQ(queue_.NextDue(now_), now_ + milliseconds(1000));
    now_ += milliseconds(1000);
    EXPECT_EQ(queue_.FailureOf("A", now_), nullptr) << "about to be tried";
    EXPECT_NE(queue_.FailureOf("C", now_), nullptr);
    EXPECT_EQ(TakeAll(), (Names{"A"}));
    Fail("A", Outage());
    EXPECT_EQ(queue_.NextDue(now_), now_ + milliseconds(2000));
    now_ += milliseconds(2000);
    TakeAll();
    Fail("A", Outage());
    now_ += milliseconds(4000);
    TakeAll();
    Fail("A", Outage());
    EXPECT_EQ(queue_.NextDue(now_), now_ + milliseconds(4000)) << "capped";
    now_ += milliseconds(4000);
    TakeAll();
    Durable("A");
    EXPECT_FALSE(queue_.IsFailing());
    EXPECT_EQ(TakeAll(), (Names{"B", "C"}));
}

TEST_F(ArchiveQueueTest, Outage_NothingWaits_IsProbed) {
    queue_.Request("A", kStamp);
    TakeAll();
    Fail("A", Outage());
    queue_.KeepRequested({});
    queue_.SetReady({}, true);
    now_ += milliseconds(1000);
    auto probe = queue_.Take(now_);
    ASSERT_TRUE(probe);
    EXPECT_TRUE(probe->IsProbe());
    queue_.FinishDurable(*probe, {});
    EXPECT_FALSE(queue_.IsFailing());
}

TEST_F(ArchiveQueueTest, FileFailure_Conflict_OthersGoOnAndItIsRetriedEverMoreSlowly) {
    queue_.SetReady({"A", "B"}, true);
    TakeAll();
    Fail("A", Conflict());
    Durable("B");
    EXPECT_EQ(queue_.FailureOf("A", now_)->message, "other content");
    EXPECT_TRUE(queue_.IsFailing());
    EXPECT_EQ(TakeAll(), Names{});
    now_ += milliseconds(1000);
    EXPECT_EQ(TakeAll(), (Names{"A"}));
    Fail("A", Conflict());
    EXPECT_EQ(queue_.NextDue(now_), now_ + milliseconds(2000));
    queue_.SetReady({}, true);
    EXPECT_FALSE(queue_.IsFailing()) << "its .ready is gone";
}

TEST_F(ArchiveQueueTest, Hurry_InBackOff_TriesAtOnce) {
    queue_.SetReady({"A"}, true);
    TakeAll();
    Fail("A", Outage());
    EXPECT_EQ(TakeAll(), Names{});
    queue_.Hurry(now_);
    EXPECT_EQ(TakeAll(), (Names{"A"}));
}

TEST_F(ArchiveQueueTest, StartOver_AnotherStorage_NothingIsKnownToBeDurable) {
    queue_.SetReady({"A"}, true);
    TakeAll();
    Durable("A");
    queue_.StartOver(now_);
    EXPECT_FALSE(queue_.IsDurable("A"));
    EXPECT_EQ(TakeAll(), (Names{"A"}));
    queue_.FinishVoid({"A"});
    EXPECT_EQ(TakeAll(), (Names{"A"}));
}

}  // namespace
}  // namespace agri::worker

// Leases between processes and hosts: who holds, who succeeds, who has to give way. Time passes
// only by hand.
#include "repo/lease.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "repo/record.hpp"
#include "repo/repository_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

// One process's view; it can declare any pid dead.
class FakeProcesses final : public ProcessTable {
   public:
    explicit FakeProcesses(std::string host, int64_t pid)
        : self_{std::move(host), "boot+1", pid, 77} {}
    ProcessIdentity Self() const override { return self_; }
    bool IsCertainlyDead(const ProcessIdentity& process) const override {
        return process.host == self_.host && process.pid == dead_pid;
    }
    bool IsAtWork(const ProcessIdentity& process) const override {
        return process.host == self_.host && process.pid == working_pid;
    }
    int64_t dead_pid = 0;
    int64_t working_pid = 0;

   private:
    const ProcessIdentity self_;
};

class LeaseTest : public testing::Test, public test::RepositoryFixture {
   protected:
    LeaseOptions OptionsOf(const FakeProcesses& processes) {
        return {.name = "backup",
                .purpose = "full backup",
                .time_to_live = 60s,
                .wait = waits_.waiter(),
                .processes = &processes};
    }
    base::Result<std::unique_ptr<LeaseGuard>> Acquire(LeaseOptions options) {
        return LeaseGuard::Acquire(main_, options, clock, random);
    }
    base::Result<std::unique_ptr<LeaseGuard>> Wait(LeaseOptions options) {
        options.wait_for_expiry = true;
        return LeaseGuard::Acquire(main_, options, clock, random);
    }
    std::vector<uint64_t> Sequences() {
        return *ListNumbers(repository_->storage(), main_.keys().LeaseFolder("backup"),
                            kSequenceDigits);
    }

    std::unique_ptr<repo::Repository> repository_ = MakeRepository();
    Incarnation main_ = Main(*repository_);
    test::ManualWaits waits_{clock};
    FakeProcesses one_{"host-a", 100};
    FakeProcesses two_{"host-b", 200};
};

TEST_F(LeaseTest, Acquire_Free_HoldsAndShowsItself) {
    auto guard = Acquire(OptionsOf(one_));
    ASSERT_TRUE(guard) << guard.error().ToString();
    auto holder = LeaseGuard::Holder(main_, "backup");
    ASSERT_TRUE(holder && *holder);
    EXPECT_EQ((*holder)->host(), "host-a");
    EXPECT_EQ((*holder)->pid(), 100);
    EXPECT_FALSE(*LeaseGuard::Holder(main_, "another"));
}

TEST_F(LeaseTest, Acquire_Held_IsBusyAndNamesTheHolder) {
    auto guard = Acquire(OptionsOf(one_));
    auto second = Acquire(OptionsOf(two_));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kBusy);
    EXPECT_THAT(second.error().message, HasSubstr("process 100 on host \"host-a\""));
    EXPECT_THAT(second.error().message, HasSubstr(base::FormatTime(clock.Now())));
    EXPECT_THAT(second.error().detail, HasSubstr("full backup"));
    EXPECT_THAT(second.error().hint, HasSubstr("60 seconds"));
    EXPECT_TRUE(waits_.waits().empty());
}

TEST_F(LeaseTest, Acquire_OtherNames_DoNotMeet) {
    auto guard = Acquire(OptionsOf(one_));
    LeaseOptions other = OptionsOf(two_);
    other.name = "expire";
    EXPECT_TRUE(Acquire(other));
}

TEST_F(LeaseTest, Release_ThenAcquire_SucceedsAtOnce) {
    auto guard = Acquire(OptionsOf(one_));
    ASSERT_TRUE((*guard)->Release());
    EXPECT_TRUE((*guard)->Release());
    EXPECT_FALSE(*LeaseGuard::Holder(main_, "backup"));
    EXPECT_TRUE(Acquire(OptionsOf(two_)));
}

TEST_F(LeaseTest, Guard_Destroyed_GivesItBack) {
    { auto guard = Acquire(OptionsOf(one_)); }
    EXPECT_FALSE(*LeaseGuard::Holder(main_, "backup"));
}

TEST_F(LeaseTest, Acquire_HolderCertainlyDead_SucceedsItAtOnce) {
    auto guard = Acquire(OptionsOf(one_));
    FakeProcesses neighbour("host-a", 101);
    EXPECT_EQ(Acquire(OptionsOf(neighbour)).error().code, ErrorCode::kBusy);
    neighbour.dead_pid = 100;
    auto second = Acquire(OptionsOf(neighbour));
    ASSERT_TRUE(second);
    EXPECT_EQ((*LeaseGuard::Holder(main_, "backup"))->pid(), 101);
    EXPECT_EQ((*guard)->Renew().error().code, ErrorCode::kConflict);
}

TEST_F(LeaseTest, Wait_HolderSilent_TakesOverAfterItsTimeToLive) {
    auto guard = Acquire(OptionsOf(one_));
    auto second = Wait(OptionsOf(two_));
    ASSERT_TRUE(second) << second.error().ToString();
    EXPECT_EQ(waits_.total(), 60s);
    // The first one wakes up: it can neither renew nor end the successor's lease.
    auto renewed = (*guard)->Renew();
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code, ErrorCode::kConflict);
    EXPECT_THAT(renewed.error().detail, HasSubstr("host-b"));
    EXPECT_EQ((*guard)->Renew().error().code, ErrorCode::kConflict);
    guard->reset();
    EXPECT_EQ((*LeaseGuard::Holder(main_, "backup"))->host(), "host-b");
    EXPECT_TRUE((*second)->Renew());
}

TEST_F(LeaseTest, Wait_HolderRenews_IsBusyWithoutWaitingOn) {
    auto guard = Acquire(OptionsOf(one_));
    LeaseOptions options = OptionsOf(two_);
    options.wait_for_expiry = true;
    options.wait = [&](std::chrono::milliseconds duration) {
        clock.Advance(duration);
        return (*guard)->Renew();
    };
    auto second = Acquire(options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(LeaseTest, Wait_HolderSeenAtWork_IsBusyAtOnce) {
    auto guard = Acquire(OptionsOf(one_));
    FakeProcesses neighbour("host-a", 4711);
    neighbour.working_pid = one_.Self().pid;
    LeaseOptions options = OptionsOf(neighbour);
    options.wait_for_expiry = options.yield_to_working = true;
    options.wait = [](std::chrono::milliseconds) -> base::Status {
        ADD_FAILURE() << "waited";
        return {};
    };
    auto second = Acquire(options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(LeaseTest, Wait_HolderReleases_SucceedsEarly) {
    auto guard = Acquire(OptionsOf(one_));
    LeaseOptions options = OptionsOf(two_);
    options.wait_for_expiry = true;
    int looks = 0;
    options.wait = [&](std::chrono::milliseconds duration) -> base::Status {
        clock.Advance(duration);
        return ++looks == 3 ? (*guard)->Release() : base::Status();
    };
    EXPECT_TRUE(Acquire(options));
    EXPECT_EQ(looks, 3);
}

TEST_F(LeaseTest, Wait_Cancelled_EndsWithThat) {
    auto guard = Acquire(OptionsOf(one_));
    waits_.cancel_at = 2;
    EXPECT_EQ(Wait(OptionsOf(two_)).error().code, ErrorCode::kCancelled);
    EXPECT_TRUE((*guard)->Renew());
}

TEST_F(LeaseTest, Wait_WallClockJumps_OnlyMonotonicTimeCounts) {
    auto guard = Acquire(OptionsOf(one_));
    // The record is hours old by now, which says nothing about when it was renewed last.
    clock.Advance(10h);
    EXPECT_EQ(Acquire(OptionsOf(two_)).error().code, ErrorCode::kBusy);
    ASSERT_TRUE(Wait(OptionsOf(two_)));
    EXPECT_EQ(waits_.total(), 60s);
}

TEST_F(LeaseTest, Renew_ManyTimes_LeavesOneRecord) {
    auto guard = Acquire(OptionsOf(one_));
    for (int i = 0; i < 20; ++i) {
        clock.Advance(20s);
        ASSERT_TRUE((*guard)->Renew());
    }
    EXPECT_THAT(Sequences(), ElementsAre(21));
}

// A holder slept while its lease was taken, given back and cleaned up: its next number is free
// again.
TEST_F(LeaseTest, Renew_AfterSuccessorsCameAndWent_IsConflict) {
    auto guard = Acquire(OptionsOf(one_));
    {
        auto second = Wait(OptionsOf(two_));
        ASSERT_TRUE(second && (*second)->Renew());
    }
    ASSERT_THAT(Sequences(), ElementsAre(4));
    auto renewed = (*guard)->Renew();
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code, ErrorCode::kConflict);
    EXPECT_THAT(Sequences(), ElementsAre(4));
}

TEST_F(LeaseTest, Renew_StorageFailsAnywhere_CanBeRepeated) {
    for (auto operation :
         {test::Operation::kCreate, test::Operation::kPublish, test::Operation::kSync,
          test::Operation::kList, test::Operation::kOpen, test::Operation::kRead}) {
        auto guard = Acquire(OptionsOf(one_));
        ASSERT_TRUE(guard);
        disk->Fail({.operation = operation, .key_contains = "leases/"});
        EXPECT_EQ((*guard)->Renew().error().code, ErrorCode::kUnavailable);
        EXPECT_TRUE((*guard)->Renew());
        disk->Fail({.operation = operation, .key_contains = "leases/"});
        EXPECT_EQ((*guard)->Release().error().code, ErrorCode::kUnavailable);
        EXPECT_TRUE((*guard)->Release());
        EXPECT_FALSE(*LeaseGuard::Holder(main_, "backup"));
    }
}

// The renewal arrived, its reply did not; then the work ended.
TEST_F(LeaseTest, Release_AfterARenewalWithoutReply_IsInForce) {
    auto guard = Acquire(OptionsOf(one_));
    disk->Fail({.operation = test::Operation::kSync, .key_contains = "leases/"});
    EXPECT_FALSE((*guard)->Renew());
    ASSERT_TRUE((*guard)->Release());
    EXPECT_FALSE(*LeaseGuard::Holder(main_, "backup"));
}

TEST_F(LeaseTest, Acquire_ManyAtOnce_OneWins) {
    for (int round = 0; round < 10; ++round) {
        std::atomic<int> busy{0};
        std::vector<std::unique_ptr<LeaseGuard>> guards(4);
        std::vector<std::thread> threads;
        for (auto& guard : guards)
            threads.emplace_back([&] {
                auto result = Acquire(OptionsOf(one_));
                if (result) guard = std::move(*result);
                if (!result && result.error().code == ErrorCode::kBusy) ++busy;
            });
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(busy, 3);
    }
}

TEST_F(LeaseTest, Holder_DamagedRecord_IsCorrupt) {
    auto guard = Acquire(OptionsOf(one_));
    disk->Overwrite(main_.keys().Lease("backup", 9), base::Bytes(200));
    EXPECT_EQ(LeaseGuard::Holder(main_, "backup").error().code, ErrorCode::kCorrupt);
    disk->Erase(main_.keys().Lease("backup", 9));
}

TEST(ProcessTableTest, System_KnowsItselfAndTheDead) {
    const ProcessTable& table = SystemProcessTable();
    ProcessIdentity self = table.Self();
    EXPECT_EQ(self, table.Self());
    EXPECT_GT(self.start_ticks, 0u);
    EXPECT_FALSE(table.IsCertainlyDead(self));
    ProcessIdentity reused = self;
    reused.start_ticks -= 1;
    EXPECT_TRUE(table.IsCertainlyDead(reused));
    EXPECT_TRUE(table.IsAtWork(self));
    EXPECT_FALSE(table.IsAtWork(reused));
    ProcessIdentity gone = self;
    gone.pid = 1 << 30;  // above any pid_max
    EXPECT_TRUE(table.IsCertainlyDead(gone));
    ProcessIdentity elsewhere = gone;
    elsewhere.host += "-other";
    EXPECT_FALSE(table.IsCertainlyDead(elsewhere));
    ProcessIdentity before = gone;
    before.boot_id = "an earlier boot";
    EXPECT_FALSE(table.IsCertainlyDead(before));
}

}  // namespace
}  // namespace agri::repo

// What was run, and what is to be run: one time of a schedule once, whoever comes first.
#include "repo/schedule_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "repo/record.hpp"
#include "repo/repository_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using format::ScheduleRun;
using testing::HasSubstr;

constexpr int64_t kNight = 86400000000;

class ScheduleRunTest : public testing::Test, public test::RepositoryFixture {
   protected:
    DueRun Due(int64_t night) { return {"nightly", night * kNight, night * kNight + 5}; }
    base::Result<ScheduledRun> Begin(int64_t night) {
        return ScheduledRun::Begin(main_, Due(night), clock, random);
    }
    bool MayRun(const DueRun& due) {
        auto reason = ReasonNotToRun(main_, due);
        return reason && !*reason;
    }
    ScheduleRun Last() { return ListLastRuns(main_)->at(0); }
    std::vector<uint64_t> RunSequences() {
        return *ListNumbers(run_repository_->storage(), main_.keys().ScheduleFolder("nightly"),
                            kSequenceDigits);
    }

    std::unique_ptr<repo::Repository> run_repository_ = MakeRepository();
    Incarnation main_ = Main(*run_repository_);
};

TEST_F(ScheduleRunTest, NothingRan_ListsNothingAndMayRun) {
    EXPECT_TRUE(ListLastRuns(main_)->empty());
    EXPECT_TRUE(MayRun(Due(1)));
}

TEST_F(ScheduleRunTest, Done_KeepsBackupAndOneRecord) {
    auto run = Begin(1);
    ASSERT_TRUE(run) << run.error().ToString();
    EXPECT_EQ(Last().state(), ScheduleRun::RUNNING);
    ASSERT_TRUE(run->End(ScheduleRun::DONE, "backup-1", "", clock));
    EXPECT_EQ(Last().state(), ScheduleRun::DONE);
    EXPECT_EQ(Last().last_backup_id(), "backup-1");
    EXPECT_EQ(RunSequences(), std::vector<uint64_t>{2});
    EXPECT_FALSE(MayRun(Due(1)));
    EXPECT_FALSE(MayRun(Due(0)));  // a server that went back in time
    EXPECT_TRUE(MayRun(Due(2)));
}

TEST_F(ScheduleRunTest, FailedOrCancelled_IsOverAndKeepsTheLastSuccess) {
    ASSERT_TRUE(Begin(1)->End(ScheduleRun::DONE, "backup-1", "", clock));
    for (auto state : {ScheduleRun::FAILED, ScheduleRun::CANCELLED}) {
        const int64_t night = state;
        ASSERT_TRUE(Begin(night)->End(state, "", "no space", clock));
        EXPECT_FALSE(MayRun(Due(night)));
        EXPECT_EQ(Last().error(), "no space");
        EXPECT_EQ(Last().backup_id(), "");
        EXPECT_EQ(Last().last_backup_id(), "backup-1");
    }
}

TEST_F(ScheduleRunTest, Deferred_IsTriedAgainAsTheSameAttempt) {
    for (int i = 0; i < 10; ++i) {
        auto run = Begin(1);
        ASSERT_TRUE(run) << run.error().ToString();
        ASSERT_TRUE(run->End(ScheduleRun::DEFERRED, "", "busy", clock));
    }
    EXPECT_EQ(Last().attempt(), 1u);
    EXPECT_TRUE(MayRun(Due(1)));
    EXPECT_FALSE(MayRun(Due(0)));
}

TEST_F(ScheduleRunTest, CutOff_IsBegunAgainThreeTimes) {
    for (uint32_t attempt = 1; attempt <= kMaxRunAttempts; ++attempt) {
        auto run = Begin(1);
        ASSERT_TRUE(run) << run.error().ToString();
        EXPECT_EQ(Last().attempt(), attempt);
    }
    EXPECT_FALSE(MayRun(Due(1)));
    EXPECT_EQ(Begin(1).error().code, ErrorCode::kConflict);
    ASSERT_TRUE(Begin(2));
    EXPECT_EQ(Last().attempt(), 1u);
}

// Its holder slept past its lease, and another one has run the time meanwhile.
TEST_F(ScheduleRunTest, TakenOver_CannotEnd) {
    auto slow = Begin(1);
    auto next = Begin(1);
    ASSERT_TRUE(slow && next);
    ASSERT_TRUE(next->End(ScheduleRun::DONE, "backup-2", "", clock));
    auto ended = slow->End(ScheduleRun::FAILED, "", "late", clock);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, ErrorCode::kConflict);
    EXPECT_THAT(ended.error().message, HasSubstr("nightly"));
    EXPECT_EQ(Last().state(), ScheduleRun::DONE);
    EXPECT_EQ(Last().backup_id(), "backup-2");
}

TEST_F(ScheduleRunTest, FarAhead_CountsForNothing) {
    ASSERT_TRUE(Begin(4000)->End(ScheduleRun::DONE, "backup-1", "", clock));
    EXPECT_TRUE(MayRun(Due(1)));
    EXPECT_TRUE(MayRun(Due(3998)));
    EXPECT_FALSE(MayRun(Due(3999)));  // an hour's jump, or a day's, is no such thing
    ASSERT_TRUE(Begin(1)->End(ScheduleRun::DONE, "backup-2", "", clock));
    EXPECT_FALSE(MayRun(Due(1)));
    EXPECT_TRUE(MayRun(Due(2)));
}

TEST_F(ScheduleRunTest, ManyAtOnce_OneBegins) {
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            // Each is another server: nothing but the storage is shared.
            base::Random& own = base::SystemRandom();
            auto run = ScheduledRun::Begin(main_, Due(1), clock, own);
            if (run && run->End(ScheduleRun::DONE, "backup", "", clock)) ++begun;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(begun, 1);
    EXPECT_FALSE(RunSequences().empty());
}

TEST_F(ScheduleRunTest, NamesThatAreNoFolders_AreRefused) {
    for (const char* name : {"", "../x", "Nightly", "a/b", "-x"}) {
        auto reason = ReasonNotToRun(main_, {name, 1, 1});
        ASSERT_FALSE(reason) << name;
        EXPECT_EQ(reason.error().code, ErrorCode::kInvalidArgument);
    }
}

}  // namespace
}  // namespace agri::repo

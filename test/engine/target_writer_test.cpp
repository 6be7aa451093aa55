// Which timeline is the latest, when an operator gave the repository back to a server of an older
// one.
#include "engine/target_fixture.hpp"
#include "repo/claim.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using base::TimelineId;
using test::Must;

class TargetWriterTest : public test::TargetFixture {
   protected:
    void Claim(uint32_t timeline) {
        Must(repo::TakeClaim(repository.incarnation(), ++epoch_, {}, TimelineId{timeline}, "test",
                             context.clock, base::SystemRandom()));
    }
    void ExpectLatest(uint32_t timeline, std::optional<uint32_t> left) {
        const RestorePlan plan = Must(Resolve());
        EXPECT_EQ(plan.target_timeline.value, timeline);
        ASSERT_EQ(plan.left_timeline.has_value(), left.has_value());
        EXPECT_EQ(plan.warnings.size(), left ? 1u : 0u);
        if (!left) return;
        EXPECT_EQ(plan.left_timeline->value, *left);
        EXPECT_NE(plan.warnings[0].find(fmt::format("--target-timeline {} ", *left)),
                  std::string::npos)
            << plan.warnings[0];
    }

   private:
    uint64_t epoch_ = 0;
};

TEST_F(TargetWriterTest, Resolve_Promotions_TheNewestIsTheLatest) {
    Claim(1);
    ExpectLatest(2, {});  // as long as nobody is known to have left it
    Claim(2);
    ExpectLatest(2, {});
    Claim(3);  // promoted, and nothing archived yet
    ExpectLatest(2, {});
}

TEST_F(TargetWriterTest, Resolve_TheWriterCameBack_ItsOwnTimelineIsTheLatest) {
    for (uint32_t timeline : {1, 2, 1}) Claim(timeline);
    ExpectLatest(1, 2);
    target.timeline = "2";
    ExpectLatest(2, {});
    target.timeline = "latest";
    Claim(4);  // promoted, and nothing archived yet
    ExpectLatest(1, 2);
}

TEST_F(TargetWriterTest, Resolve_ASiblingOfTheWritersTimeline_IsLeft) {
    test::ArchiveHistory(repository.incarnation(), 3,
                         fmt::format("1\t{}\tby mistake\n", story.branch.ToString()));
    Claim(1);
    Claim(2);
    Claim(3);
    ExpectLatest(3, {});
    Claim(2);
    ExpectLatest(2, 3);
}

TEST_F(TargetWriterTest, Resolve_BackupOfALeftTimeline_IsFollowedThere) {
    test::CommitBackup(repository, {"20261122T120000Z-full-dddd", story.lsn[206],
                                    base::Lsn{story.lsn[207].value + 8}, 60, 75, 2});
    for (uint32_t timeline : {1, 2, 1}) Claim(timeline);
    ExpectLatest(1, 2);
    EXPECT_EQ(Must(Resolve("20261122T120000Z-full-dddd")).target_timeline.value, 2u);
}

TEST_F(TargetWriterTest, Resolve_TargetOnTheLeftTimeline_HintsAtIt) {
    for (uint32_t timeline : {1, 2, 1}) Claim(timeline);
    const auto plan = ResolveXid(207);
    ExpectUnreachable(plan, "transaction 207 did not end in the archived WAL");
    EXPECT_NE(plan.error().hint.find("--target-timeline 2"), std::string::npos);
}

TEST_F(TargetWriterTest, Resolve_DamagedClaim_LeavesTheLatestOpen) {
    Claim(1);
    const std::string key = repository.incarnation().keys().Claim(1);
    repository.disk->Overwrite(key, base::Bytes(100));
    const auto plan = Resolve();
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(plan.error().message.find(key), std::string::npos) << plan.error().message;
    EXPECT_NE(plan.error().hint.find("--target-timeline"), std::string::npos);
    target.timeline = "2";
    EXPECT_TRUE(Resolve());
}

}  // namespace
}  // namespace agri::engine

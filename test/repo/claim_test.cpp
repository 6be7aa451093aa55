// Writer claims: first, promotion, adoption; copies and snapshots refused; a crash in between
// healed.
#include "repo/claim.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>

#include "base/file.hpp"
#include "base/no_descriptors.hpp"
#include "repo/local_claim.hpp"
#include "repo/repository_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using base::TimelineId;
using testing::HasSubstr;

class ClaimTest : public testing::Test, public test::RepositoryFixture {
   protected:
    base::Result<format::WriterClaim> Ensure(const std::string& directory, uint32_t timeline) {
        return EnsureClaim(main_, directory, TimelineId{timeline}, clock, random);
    }
    ErrorCode EnsureError(const std::string& directory, uint32_t timeline) {
        auto claim = Ensure(directory, timeline);
        EXPECT_FALSE(claim);
        return claim ? ErrorCode::kInternal : claim.error().code;
    }
    std::string NewDirectory(const std::string& name) {
        std::filesystem::create_directory(servers_ / name);
        return servers_ / name;
    }
    std::string Copy(const std::string& of, const std::string& name) {
        std::filesystem::copy(of, servers_ / name, std::filesystem::copy_options::recursive);
        return servers_ / name;
    }

    std::unique_ptr<repo::Repository> repository_ = MakeRepository();
    Incarnation main_ = Main(*repository_);
    test::TemporaryFolder servers_;
    std::string primary_ = NewDirectory("primary");
};

TEST_F(ClaimTest, Ensure_NoClaimYet_TakesTheFirst) {
    EXPECT_FALSE(*CurrentClaim(main_));
    auto claim = Ensure(primary_, 1);
    ASSERT_TRUE(claim) << claim.error().ToString();
    EXPECT_EQ(claim->epoch(), 1u);
    EXPECT_EQ(claim->reason(), "first");
    EXPECT_EQ((*CurrentClaim(main_))->claim_id(), claim->claim_id());
    EXPECT_EQ((*LoadLocalClaim(primary_))->claim_id(), claim->claim_id());
}

TEST_F(ClaimTest, Ensure_OwnClaim_ChangesNothing) {
    auto first = Ensure(primary_, 1);
    auto again = Ensure(primary_, 1);
    ASSERT_TRUE(first && again);
    EXPECT_EQ(again->claim_id(), first->claim_id());
    EXPECT_EQ(again->epoch(), 1u);
}

TEST_F(ClaimTest, Ensure_ThroughALink_IsTheSameDirectory) {
    ASSERT_TRUE(Ensure(primary_, 1));
    std::filesystem::create_directory_symlink(primary_, servers_ / "link");
    EXPECT_TRUE(Ensure(servers_ / "link", 1));
}

TEST_F(ClaimTest, Ensure_AnotherServer_IsConflictNamingHolderAndAdopt) {
    ASSERT_TRUE(Ensure(primary_, 1));
    auto other = Ensure(NewDirectory("other"), 1);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::kConflict);
    EXPECT_THAT(other.error().message, HasSubstr(primary_));
    EXPECT_THAT(other.error().detail, HasSubstr("epoch 1"));
    EXPECT_THAT(other.error().hint, HasSubstr("agri_backup adopt"));
    // Not even on a newer timeline: it never was the writer.
    EXPECT_EQ(EnsureError(servers_ / "other", 2), ErrorCode::kConflict);
}

TEST_F(ClaimTest, Ensure_CopyOnTheSameTimeline_IsConflict) {
    ASSERT_TRUE(Ensure(primary_, 1));
    EXPECT_EQ(EnsureError(Copy(primary_, "snapshot"), 1), ErrorCode::kConflict);
    EXPECT_TRUE(Ensure(primary_, 1));
}

TEST_F(ClaimTest, Ensure_Promotion_TakesTheNextEpochAndLocksTheOldOut) {
    ASSERT_TRUE(Ensure(primary_, 1));
    std::string standby = Copy(primary_, "standby");
    auto promoted = Ensure(standby, 2);
    ASSERT_TRUE(promoted) << promoted.error().ToString();
    EXPECT_EQ(promoted->epoch(), 2u);
    EXPECT_EQ(promoted->reason(), "promotion");
    EXPECT_TRUE(Ensure(standby, 2));
    EXPECT_EQ(EnsureError(primary_, 1), ErrorCode::kConflict);
    // A second standby that is promoted too comes too late.
    EXPECT_EQ(EnsureError(Copy(primary_, "late"), 2), ErrorCode::kConflict);
}

// A switchover to a server that followed a promotion: it knows the claim before that one.
TEST_F(ClaimTest, Ensure_PromotionOfWhoFollowedTheWriter_TakesTheNextEpoch) {
    ASSERT_TRUE(Ensure(primary_, 1));
    std::string standby = Copy(primary_, "standby"), other = Copy(primary_, "other");
    ASSERT_TRUE(Ensure(standby, 2));
    auto history = [](const std::string& directory, const std::string& text) {
        std::filesystem::create_directories(directory + "/pg_wal");
        std::ofstream(directory + "/pg_wal/00000003.history") << text;
    };
    EXPECT_EQ(EnsureError(other, 3), ErrorCode::kConflict);
    history(other, "1\t0/3000000\tbranched off before\n");
    EXPECT_EQ(EnsureError(other, 3), ErrorCode::kConflict);
    // Who never was of this lineage does not get in by a history.
    history(NewDirectory("stranger"), "1\t0/3000000\tx\n2\t0/5000000\tx\n");
    EXPECT_EQ(EnsureError(servers_ / "stranger", 3), ErrorCode::kConflict);
    history(primary_, "1\t0/3000000\tx\n2\t0/5000000\tx\n");
    auto back = Ensure(primary_, 3);
    ASSERT_TRUE(back) << back.error().ToString();
    EXPECT_EQ(back->epoch(), 3u);
    EXPECT_EQ(back->reason(), "promotion");
    auto lineage = Lineage(main_);
    ASSERT_TRUE(lineage);
    ASSERT_EQ(lineage->size(), 3u);
    EXPECT_EQ(lineage->at(1).data_directory(), standby);
    EXPECT_EQ(lineage->back().claim_id(), back->claim_id());
}

// After a promotion and a restart the .partial segment of the old timeline may be archived first.
TEST_F(ClaimTest, Ensure_OwnClaimForAnOlderTimeline_IsFine) {
    ASSERT_TRUE(Ensure(primary_, 3));
    auto claim = Ensure(primary_, 2);
    ASSERT_TRUE(claim) << claim.error().ToString();
    EXPECT_EQ(claim->timeline(), 3u);
    EXPECT_EQ(EnsureError(Copy(primary_, "copy"), 2), ErrorCode::kConflict);
}

TEST_F(ClaimTest, Ensure_AfterAReboot_ForgetsTheDeviceNumber) {
    auto claim = Ensure(primary_, 1);
    claim->set_boot_id("an earlier boot");
    claim->set_data_directory_device(claim->data_directory_device() + 1);
    ASSERT_TRUE(SaveLocalClaim(primary_, *claim));
    ASSERT_TRUE(Ensure(primary_, 1));
    auto local = LoadLocalClaim(primary_);
    EXPECT_EQ((*local)->boot_id(), IdentifyDataDirectory(primary_)->boot_id);
    // Within one boot it counts.
    (*local)->set_data_directory_device((*local)->data_directory_device() + 1);
    ASSERT_TRUE(SaveLocalClaim(primary_, **local));
    EXPECT_EQ(EnsureError(primary_, 1), ErrorCode::kConflict);
}

TEST_F(ClaimTest, Adopt_OnAnOperatorsWord_TakesOver) {
    ASSERT_TRUE(Ensure(primary_, 1));
    std::string restored = NewDirectory("restored");
    ASSERT_EQ(EnsureError(restored, 1), ErrorCode::kConflict);
    auto adopted = AdoptClaim(main_, restored, TimelineId{1}, "adopt", clock, random);
    ASSERT_TRUE(adopted) << adopted.error().ToString();
    EXPECT_EQ(adopted->epoch(), 2u);
    EXPECT_TRUE(Ensure(restored, 1));
    EXPECT_EQ(EnsureError(primary_, 1), ErrorCode::kConflict);
}

// Adopting draws a claim id after it has looked at the claim in force, and before it puts its own:
// there somebody else comes between, once.
class Interruption : public base::Random {
   public:
    explicit Interruption(std::function<void()> interrupt) : interrupt_(std::move(interrupt)) {}
    void Fill(base::MutableBytes out) override {
        if (auto interrupt = std::exchange(interrupt_, nullptr)) interrupt();
        base::SystemRandom().Fill(out);
    }

   private:
    std::function<void()> interrupt_;
};

TEST_F(ClaimTest, Adopt_ItsServerIsPromotedMeanwhile_TakesTheNextEpoch) {
    ASSERT_TRUE(Ensure(primary_, 1));
    Interruption promotion([&] { EXPECT_EQ(Ensure(primary_, 2)->epoch(), 2u); });
    auto adopted = AdoptClaim(main_, primary_, TimelineId{2}, "adopt", clock, promotion);
    ASSERT_TRUE(adopted) << adopted.error().ToString();
    EXPECT_EQ(adopted->epoch(), 3u);
    EXPECT_EQ(Ensure(primary_, 2)->epoch(), 3u);
}

TEST_F(ClaimTest, Adopt_AnotherOneIsAdoptedMeanwhile_IsConflict) {
    ASSERT_TRUE(Ensure(primary_, 1));
    const std::string one = NewDirectory("one"), two = NewDirectory("two");
    Interruption other(
        [&] { EXPECT_TRUE(AdoptClaim(main_, two, TimelineId{1}, "adopt", clock, random)); });
    auto adopted = AdoptClaim(main_, one, TimelineId{1}, "adopt", clock, other);
    ASSERT_FALSE(adopted);
    EXPECT_EQ(adopted.error().code, ErrorCode::kConflict);
    EXPECT_TRUE(Ensure(two, 1));
    EXPECT_EQ(EnsureError(one, 1), ErrorCode::kConflict);
}

TEST_F(ClaimTest, Ensure_StorageFailsAnywhere_IsHealedByTheNextCall) {
    for (uint32_t timeline = 1; timeline <= 2; ++timeline) {
        for (auto operation :
             {test::Operation::kCreate, test::Operation::kPublish, test::Operation::kSync}) {
            std::string directory =
                Copy(primary_, fmt::format("copy-{}-{}", timeline, static_cast<int>(operation)));
            for (const auto& [key, content] : disk->Snapshot())
                if (key.starts_with(main_.keys().ClaimFolder())) disk->Erase(key);
            if (timeline == 2) {
                ASSERT_TRUE(Ensure(directory, 1));
            }
            // The claim in force is made durable before the next one is put.
            bool skip = timeline == 2 && operation == test::Operation::kSync;
            disk->Fail({.operation = operation, .key_contains = "claims/", .skip = skip});
            EXPECT_EQ(EnsureError(directory, timeline), ErrorCode::kUnavailable);
            auto claim = Ensure(directory, timeline);
            ASSERT_TRUE(claim) << claim.error().ToString();
            EXPECT_EQ(claim->epoch(), timeline);
            EXPECT_TRUE(Ensure(directory, timeline));
            EXPECT_FALSE(*LoadPendingClaim(directory));
        }
    }
}

TEST_F(ClaimTest, Take_RacingForOneEpoch_OneWins) {
    ClaimantIdentity identity = *IdentifyDataDirectory(primary_);
    std::atomic<int> won{0}, refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            auto claim = TakeClaim(main_, 1, identity, TimelineId{1}, "first", clock, random);
            if (claim) ++won;
            if (!claim && claim.error().code == ErrorCode::kConflict) ++refused;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(refused, 3);
}

TEST_F(ClaimTest, LocalClaim_Damaged_IsCorruptAndNamesTheFile) {
    ASSERT_TRUE(Ensure(primary_, 1));
    std::string path = primary_ + "/agri_backup/claim";
    auto whole = base::ReadWholeFile(path, 1 << 16);
    ASSERT_TRUE(whole);
    for (size_t at = 0; at < whole->size(); ++at) {
        base::Bytes damaged = *whole;
        damaged[at] ^= std::byte{1};
        ASSERT_TRUE(base::ReplaceFileNoSync(path, damaged, 0600));
        auto loaded = LoadLocalClaim(primary_);
        ASSERT_FALSE(loaded) << at;
        EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(loaded.error().message, HasSubstr(path));
    }
    ASSERT_TRUE(base::ReplaceFileNoSync(path, base::ByteView(*whole).first(10), 0600));
    EXPECT_EQ(EnsureError(primary_, 1), ErrorCode::kCorrupt);
}

TEST_F(ClaimTest, Current_EpochThatContradictsItsName_IsCorrupt) {
    ASSERT_TRUE(Ensure(primary_, 1));
    auto claim = TakeClaim(main_, 2, *IdentifyDataDirectory(primary_), TimelineId{1}, "adopt",
                           clock, random);
    ASSERT_TRUE(claim);
    disk->Overwrite(main_.keys().Claim(3), *disk->Snapshot().at(main_.keys().Claim(2)));
    EXPECT_EQ(CurrentClaim(main_).error().code, ErrorCode::kCorrupt);
}

TEST_F(ClaimTest, Identify_MissingDirectory_IsNotFound) {
    auto identity = IdentifyDataDirectory(servers_ / "none");
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(identity.error().message, HasSubstr("none"));
}

// Without it, the claim would be taken for another machine's later.
TEST_F(ClaimTest, Identify_MachineCannotBeReadNow_IsAnError) {
    const test::NoDescriptors none;
    auto identity = IdentifyDataDirectory(primary_);
    ASSERT_FALSE(identity);
    EXPECT_THAT(identity.error().message, HasSubstr("/etc/machine-id"));
}

}  // namespace
}  // namespace agri::repo

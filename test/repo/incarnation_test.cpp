// Cluster names and their incarnations.
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

constexpr ClusterIdentity kOther{7300000000000000002u, 15, 16u << 20};
constexpr ClusterIdentity kUpgraded{7300000000000000003u, 17, 16u << 20};

class IncarnationTest : public testing::Test, public test::RepositoryFixture {
   protected:
    base::Result<Incarnation> Register(const std::string& cluster, ClusterIdentity identity) {
        return Incarnation::Register(*repository_, cluster, identity, clock);
    }
    std::unique_ptr<Repository> repository_ = MakeRepository();
};

TEST_F(IncarnationTest, Register_NewName_BecomesNumberOne) {
    auto incarnation = Register("main", kIdentity);
    ASSERT_TRUE(incarnation) << incarnation.error().ToString();
    EXPECT_EQ(incarnation->info().number(), 1u);
    EXPECT_EQ(incarnation->keys().base(), "clusters/main/15-7300000000000000001/");
    EXPECT_EQ(incarnation->cluster(), "main");
    auto opened = Incarnation::Open(*repository_, "main", kIdentity);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->info().SerializeAsString(), incarnation->info().SerializeAsString());
}

TEST_F(IncarnationTest, Register_Again_ChangesNothingAndIsDurable) {
    ASSERT_TRUE(Register("main", kIdentity));
    size_t objects = disk->Snapshot().size();
    ASSERT_TRUE(Register("main", kIdentity));
    EXPECT_EQ(disk->Snapshot().size(), objects);
}

TEST_F(IncarnationTest, Register_FoundButNotYetDurable_MakesItDurable) {
    uint64_t before = disk->operations();
    Main(*repository_);
    uint64_t operations = disk->operations() - before;
    for (uint64_t n = 0; n <= operations; ++n) {
        disk->PowerOn(test::Unsynced::kLost);
        disk->Erase("clusters/main/incarnations/00000001");
        disk->CutPowerAfter(n);
        (void)Register("main", kIdentity);
        disk->PowerOn(test::Unsynced::kKept);
        ASSERT_TRUE(Register("main", kIdentity)) << n;
        disk->PowerOn(test::Unsynced::kLost);
        EXPECT_TRUE(Incarnation::Open(*repository_, "main", kIdentity)) << n;
    }
}

TEST_F(IncarnationTest, Register_AnotherClusterUnderTheName_NamesBothAndTheWayOut) {
    ASSERT_TRUE(Register("main", kIdentity));
    for (auto result :
         {Register("main", kOther), Incarnation::Open(*repository_, "main", kOther)}) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::kConflict);
        EXPECT_THAT(result.error().message, HasSubstr("7300000000000000001"));
        EXPECT_THAT(result.error().message, HasSubstr("7300000000000000002"));
        EXPECT_THAT(result.error().hint, HasSubstr("agri_backup upgrade"));
        EXPECT_THAT(result.error().hint, HasSubstr("another name"));
    }
}

TEST_F(IncarnationTest, Register_TwoClusters_LiveSideBySide) {
    ASSERT_TRUE(Register("main", kIdentity));
    ASSERT_TRUE(Register("farm_2", kOther));
    auto names = ListClusters(*repository_);
    ASSERT_TRUE(names);
    EXPECT_THAT(*names, ElementsAre("farm_2", "main"));
    EXPECT_EQ(Incarnation::OpenNewest(*repository_, "farm_2")->info().system_identifier(),
              kOther.system_identifier);
}

TEST_F(IncarnationTest, Register_RacingForOneName_OneIdentityWins) {
    std::atomic<int> won{0}, refused{0};
    std::vector<std::thread> threads;
    for (uint64_t i = 1; i <= 4; ++i)
        threads.emplace_back([&, i] {
            auto result = Register("main", {i, 15, 16u << 20});
            if (result) ++won;
            if (!result && result.error().code == ErrorCode::kConflict) ++refused;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(refused, 3);
}

TEST_F(IncarnationTest, Register_BadNameOrIdentity_IsInvalidArgument) {
    for (const char* name : {"", "Main", "-a", "a/b", "..", "a b"})
        EXPECT_EQ(Register(name, kIdentity).error().code, ErrorCode::kInvalidArgument) << name;
    for (ClusterIdentity identity : {ClusterIdentity{0, 15, 16u << 20},
                                     {1, 0, 16u << 20},
                                     {1, 15, 0},
                                     {1, 15, 3u << 20},
                                     {1, 15, 2u << 30}})
        EXPECT_EQ(Register("main", identity).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(IncarnationTest, Open_UnknownName_IsNotFoundAndNamesTheKnown) {
    auto unknown = Incarnation::Open(*repository_, "mian", kIdentity);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(unknown.error().detail, HasSubstr("no cluster yet"));
    ASSERT_TRUE(Register("main", kIdentity));
    EXPECT_THAT(Incarnation::Open(*repository_, "mian", kIdentity).error().detail,
                HasSubstr("holds: main."));
}

TEST_F(IncarnationTest, Upgrade_NewIdentity_KeepsTheOldRestorable) {
    ASSERT_TRUE(Register("main", kIdentity));
    auto upgraded = Incarnation::Upgrade(*repository_, "main", kUpgraded, clock);
    ASSERT_TRUE(upgraded) << upgraded.error().ToString();
    EXPECT_EQ(upgraded->info().number(), 2u);
    EXPECT_EQ(Incarnation::OpenNewest(*repository_, "main")->info().major_version(), 17u);
    EXPECT_EQ(Incarnation::OpenNewest(*repository_, "main", 1)->info().major_version(), 15u);
    EXPECT_EQ(Incarnation::OpenNewest(*repository_, "main", 3).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(Incarnation::List(*repository_, "main")->size(), 2u);
    // The old server is another one now.
    EXPECT_EQ(Register("main", kIdentity).error().code, ErrorCode::kConflict);
}

TEST_F(IncarnationTest, Upgrade_SameIdentity_ChangesNothing) {
    ASSERT_TRUE(Register("main", kIdentity));
    ASSERT_TRUE(Incarnation::Upgrade(*repository_, "main", kIdentity, clock));
    EXPECT_EQ(Incarnation::List(*repository_, "main")->size(), 1u);
    EXPECT_EQ(Incarnation::Upgrade(*repository_, "none", kIdentity, clock).error().code,
              ErrorCode::kNotFound);
}

TEST_F(IncarnationTest, Upgrade_BackToAnEarlierIdentity_GoesOnInItsFolder) {
    ASSERT_TRUE(Register("main", kIdentity));
    ASSERT_TRUE(Incarnation::Upgrade(*repository_, "main", kUpgraded, clock));
    auto back = Incarnation::Upgrade(*repository_, "main", kIdentity, clock);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->info().number(), 3u);
    EXPECT_EQ(back->info().folder(), "15-7300000000000000001");
}

TEST_F(IncarnationTest, OpenKnown_EarlierIdentity_IsFoundUnderItsNewestNumber) {
    ASSERT_TRUE(Register("main", kIdentity));
    ASSERT_TRUE(Incarnation::Upgrade(*repository_, "main", kUpgraded, clock));
    EXPECT_EQ(Incarnation::OpenKnown(*repository_, "main", kIdentity)->info().number(), 1u);
    ASSERT_TRUE(Incarnation::Upgrade(*repository_, "main", kIdentity, clock));
    EXPECT_EQ(Incarnation::OpenKnown(*repository_, "main", kIdentity)->info().number(), 3u);
    EXPECT_EQ(Incarnation::OpenKnown(*repository_, "main", kUpgraded)->info().number(), 2u);
    for (auto result : {Incarnation::OpenKnown(*repository_, "main", kOther),
                        Incarnation::OpenKnown(*repository_, "none", kIdentity)}) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
    }
}

TEST_F(IncarnationTest, OpenHolding_BackupOfAnEarlierOne_IsFoundThere) {
    ASSERT_TRUE(Register("main", kIdentity));
    const std::string id = "20261122T203501Z-full-3f9a";
    format::Tombstone manifest;  // whatever stands at a manifest's key
    ASSERT_TRUE(PutMessage(*repository_,
                           Incarnation::OpenNewest(*repository_, "main")->keys().Manifest(id),
                           manifest));
    ASSERT_TRUE(Incarnation::Upgrade(*repository_, "main", kUpgraded, clock));
    EXPECT_EQ(Incarnation::OpenHolding(*repository_, "main", id)->info().number(), 1u);
    for (const char* other : {"20261122T203501Z-full-0000", "", "../x"})
        EXPECT_EQ(Incarnation::OpenHolding(*repository_, "main", other)->info().number(), 2u);
}

TEST_F(IncarnationTest, Upgrade_OtherSegmentSizeOnly_GetsAFolderOfItsOwn) {
    ASSERT_TRUE(Register("main", kIdentity));
    ClusterIdentity resized = kIdentity;
    resized.wal_segment_size = 64u << 20;
    EXPECT_EQ(Register("main", resized).error().code, ErrorCode::kConflict);
    auto upgraded = Incarnation::Upgrade(*repository_, "main", resized, clock);
    ASSERT_TRUE(upgraded);
    EXPECT_EQ(upgraded->info().folder(), "15-7300000000000000001-67108864");
}

TEST_F(IncarnationTest, List_RecordThatContradictsItsName_IsCorrupt) {
    ASSERT_TRUE(Register("main", kIdentity));
    format::Incarnation info = Incarnation::OpenNewest(*repository_, "main")->info();
    auto list_with = [&](format::Incarnation changed) {
        disk->Erase(layout::Incarnation("main", 2));
        EXPECT_TRUE(PutMessage(*repository_, layout::Incarnation("main", 2), changed));
        auto listed = Incarnation::List(*repository_, "main");
        return listed ? ErrorCode::kInternal : listed.error().code;
    };
    EXPECT_EQ(list_with(info), ErrorCode::kCorrupt);
    info.set_number(2);
    info.set_folder("../elsewhere");
    EXPECT_EQ(list_with(info), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace agri::repo

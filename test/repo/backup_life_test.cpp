// From intent to commit, tombstone or expiry: whoever wins a put-if-absent has decided.
#include <gmock/gmock.h>

#include "repo/catalog_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::Id;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BackupLifeTest : public test::CatalogTest {
   protected:
    base::Status Expire(int number) {
        format::Tombstone tombstone;
        tombstone.set_backup_id(Id(number));
        return PutExpired(test_.incarnation(), tombstone);
    }
    base::Status CommitChild(int number, int parent) {
        format::ManifestHeader header = test::TestHeader(Id(number));
        header.set_kind(format::ManifestHeader::INCREMENTAL);
        header.add_parents(Id(parent));
        test::TestPacks packs(test_);
        ManifestWriter writer(test_.incarnation(), packs.writer());
        AGRI_TRY(writer.FinishFiles());
        return writer.Commit(header, {});
    }
    void ExpectConflict(const base::Status& status, std::string_view text) {
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, ErrorCode::kConflict);
        EXPECT_THAT(status.error().message, HasSubstr(std::string(text)));
    }
};

TEST_F(BackupLifeTest, PutTombstone_AfterTheCommit_IsConflict) {
    Commit(1, 1, 5000);
    const base::Status late = GiveUp(1);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::kConflict);
    EXPECT_THAT(Listed(), ElementsAre(Id(1)));
}

TEST_F(BackupLifeTest, PutTombstone_Again_IsSuccess) {
    ASSERT_TRUE(GiveUp(1));
    EXPECT_TRUE(GiveUp(1));
    test_.disk->Fail({test::Operation::kSync, ErrorCode::kIo, "manifest"});
    EXPECT_FALSE(GiveUp(2));  // published, but not durable
    EXPECT_TRUE(GiveUp(2));
    test_.disk->CutPowerAfter(0);
    test_.disk->PowerOn(test::Unsynced::kLost);
    EXPECT_EQ(ReadManifestHeader(test_.incarnation(), Id(2)).error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(test_.disk->Snapshot().contains(Key(2)));
}

TEST_F(BackupLifeTest, Intents_ArePutListedAndRemoved) {
    const auto put = [&](int number, int64_t since) {
        format::BackupIntent intent;
        intent.set_backup_id(Id(number));
        intent.set_since_us(since);
        return PutIntent(test_.incarnation(), intent);
    };
    const auto listed = [&] {
        std::vector<std::string> ids;
        for (const auto& intent : test::Must(ListIntents(test_.incarnation())))
            ids.push_back(intent.backup_id());
        return ids;
    };
    EXPECT_THAT(listed(), IsEmpty());
    ASSERT_TRUE(put(1, 200));
    ASSERT_TRUE(put(2, 100));
    EXPECT_EQ(put(1, 300).error().code, ErrorCode::kAlreadyExists);
    EXPECT_THAT(listed(), ElementsAre(Id(2), Id(1)));
    ASSERT_TRUE(RemoveIntent(test_.incarnation(), Id(2)));
    ASSERT_TRUE(RemoveIntent(test_.incarnation(), Id(2)));
    EXPECT_THAT(listed(), ElementsAre(Id(1)));
    test_.disk->Overwrite(test_.incarnation().keys().Intent(Id(1)), test::Noise(200, 1));
    EXPECT_EQ(ListIntents(test_.incarnation()).error().code, ErrorCode::kCorrupt);
}

TEST_F(BackupLifeTest, PutTombstone_TextThatCouldNotBeReadBack_IsRefused) {
    format::Tombstone tombstone;
    tombstone.set_backup_id(Id(1));
    tombstone.set_reason("\xe4");
    EXPECT_EQ(PutTombstone(test_.incarnation(), tombstone).error().code,
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(PutExpired(test_.incarnation(), tombstone).error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(test_.disk->Snapshot().contains(Key(1)));
}

TEST_F(BackupLifeTest, PutExpired_TakesABackupOffTheList) {
    Commit(1, 1, 5000);
    Commit(2, 1, 6000);
    ASSERT_TRUE(Expire(1));
    EXPECT_TRUE(Expire(1));
    EXPECT_THAT(Listed(), ElementsAre(Id(2)));
    EXPECT_THAT(test::Must(ListExpired(test_.incarnation())), ElementsAre(Id(1)));
    // Whoever removes its packs must still be able to read which they are.
    EXPECT_TRUE(ReadManifestHeader(test_.incarnation(), Id(1)));
}

TEST_F(BackupLifeTest, PutExpired_Again_MakesTheFirstOneDurable) {
    Commit(1, 1, 5000);
    test_.disk->Fail({test::Operation::kSync, ErrorCode::kIo, "expired"});
    EXPECT_FALSE(Expire(1));
    EXPECT_TRUE(Expire(1));
    test_.disk->CutPowerAfter(0);
    test_.disk->PowerOn(test::Unsynced::kLost);
    EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(BackupLifeTest, Commit_ParentIsThere_IsCommitted) {
    Commit(1, 1, 5000);
    EXPECT_TRUE(CommitChild(2, 1));
}

TEST_F(BackupLifeTest, Commit_ParentExpiredOrGone_IsConflict) {
    Commit(1, 1, 5000);
    ASSERT_TRUE(Expire(1));
    ExpectConflict(CommitChild(2, 1), "has expired");
    ExpectConflict(CommitChild(3, 9), "does not exist any more");
    ASSERT_TRUE(GiveUp(4));
    ExpectConflict(CommitChild(5, 4), "does not exist any more");
    EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(BackupLifeTest, Commit_ParentCannotBeLookedAt_IsNotCommitted) {
    Commit(1, 1, 5000);
    for (const auto operation : {test::Operation::kOpen, test::Operation::kStat}) {
        test_.disk->Fail({operation, ErrorCode::kUnavailable, "backups/"});
        EXPECT_EQ(CommitChild(2, 1).error().code, ErrorCode::kUnavailable);
    }
    EXPECT_THAT(Listed(), ElementsAre(Id(1)));
}

TEST_F(BackupLifeTest, Commit_ParentsManifestIsDamaged_IsCommittedAllTheSame) {
    Commit(1, 1, 5000);
    test_.disk->Overwrite(Key(1), test::Noise(300, 1));
    EXPECT_TRUE(CommitChild(2, 1));
}

TEST_F(BackupLifeTest, NamesThatAreNoBackup_AreRefused) {
    format::BackupIntent intent;
    intent.set_backup_id("../claims/0000000000000001");
    format::Tombstone tombstone;
    tombstone.set_backup_id("x");
    EXPECT_EQ(PutIntent(test_.incarnation(), intent).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(RemoveIntent(test_.incarnation(), "").error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(PutTombstone(test_.incarnation(), tombstone).error().code,
              ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace agri::repo

// The catalog: which backups exist, and what is told of those that cannot be read.
#include "repo/catalog.hpp"

#include <gmock/gmock.h>

#include "repo/catalog_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::CatalogTest;
using test::Id;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(CatalogTest, ListBackups_OrdersByTimelineAndLsn) {
    EXPECT_THAT(Listed(), IsEmpty());
    Commit(1, 2, 5000);
    Commit(2, 1, 9000);
    Commit(3, 2, 4000);
    EXPECT_THAT(Listed(), ElementsAre(Id(2), Id(3), Id(1)));
}

TEST_F(CatalogTest, ListBackups_TombstonesAndForeignNames_AreSkipped) {
    Commit(1, 1, 5000);
    ASSERT_TRUE(GiveUp(2));
    test_.disk->Overwrite(test_.incarnation().keys().BackupFolder() + "lost+found/manifest",
                          base::Bytes(1));
    test_.disk->Overwrite(test_.incarnation().keys().BackupFolder() + Id(3) + "/notes",
                          base::Bytes(1));
    EXPECT_THAT(Listed(), ElementsAre(Id(1)));
}

TEST_F(CatalogTest, ListBackups_UnreadableManifest_IsListedWithItsProblem) {
    Commit(1, 1, 5000);
    Commit(2, 1, 6000);
    base::Bytes damaged = test_.Content(Key(1));
    damaged[100] ^= std::byte{1};
    test_.disk->Overwrite(Key(1), damaged);
    const auto backups = test::Must(ListBackups(test_.incarnation()));
    ASSERT_EQ(backups.size(), 2u);
    EXPECT_EQ(backups[0].header.backup_id(), Id(2));
    EXPECT_EQ(backups[0].problem, "");
    EXPECT_EQ(backups[1].header.backup_id(), Id(1));
    EXPECT_THAT(backups[1].problem, HasSubstr(Key(1)));
}

TEST_F(CatalogTest, ListBackups_AnyBitOfATombstoneFlipped_IsAProblemNotSilence) {
    ASSERT_TRUE(GiveUp(1));
    const base::Bytes sound = test_.Content(Key(1));
    for (size_t i = 0; i < sound.size(); ++i) {
        base::Bytes damaged = sound;
        damaged[i] ^= static_cast<std::byte>(1 << i % 8);
        test_.disk->Overwrite(Key(1), damaged);
        const auto backups = test::Must(ListBackups(test_.incarnation()));
        ASSERT_EQ(backups.size(), 1u) << "byte " << i;
        EXPECT_THAT(backups[0].problem, HasSubstr(Key(1)));
    }
}

TEST_F(CatalogTest, ListBackups_TombstoneOfAnotherBackup_IsAProblem) {
    format::Tombstone other;
    other.set_backup_id(Id(7));
    test::Must(PutRecord(test_.repository().storage(), test_.repository(), Key(1),
                         base::AsBytes(other.SerializeAsString())));
    const auto backups = test::Must(ListBackups(test_.incarnation()));
    ASSERT_EQ(backups.size(), 1u);
    EXPECT_THAT(backups[0].problem, HasSubstr("tombstone"));
}

TEST_F(CatalogTest, ListBackups_StorageUnreachable_IsAnErrorNotAShortList) {
    Commit(1, 1, 5000);
    test_.disk->Fail({test::Operation::kOpen, ErrorCode::kUnavailable, "manifest"});
    EXPECT_EQ(ListBackups(test_.incarnation()).error().code, ErrorCode::kUnavailable);
    test_.disk->Fail({test::Operation::kList, ErrorCode::kUnavailable, "backups/"});
    EXPECT_EQ(ListBackups(test_.incarnation()).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace agri::repo

// Backup identifiers: one form, and nothing else passes for one.
#include <gtest/gtest.h>

#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

TEST(BackupIdTest, NewBackupId_IsValidAndTellsTimeAndKind) {
    const auto time = base::ParseTimeWithOffset("2026-11-22 20:35:01Z");
    ASSERT_TRUE(time);
    test::ConstantRandom random(std::byte{0x3f});
    EXPECT_EQ(NewBackupId(*time, format::ManifestHeader::FULL, random),
              "20261122T203501Z-full-3f3f");
    for (const auto kind : {format::ManifestHeader::FULL, format::ManifestHeader::INCREMENTAL,
                            format::ManifestHeader::SNAPSHOT})
        EXPECT_TRUE(IsValidBackupId(NewBackupId(*time, kind, base::SystemRandom())));
}

TEST(BackupIdTest, IsValidBackupId_AnythingElse_IsRefused) {
    EXPECT_TRUE(IsValidBackupId(test::kTestBackup));
    for (const char* id :
         {"", "full", "20261122T203501Z", "20261122T203501Z-", "20261122T203501Z-full",
          "20261122T203501Z-full-", "20261122T203501Z-full-3f9", "20261122T203501Z-full-3f9aa",
          "20261122T203501Z-full-3F9A", "20261122T203501Z-FULL-3f9a", "20261122T203501Z--3f9a",
          "20261122T203501Z-other-3f9a", "2026112aT203501Z-full-3f9a", "20261122 203501Z-full-3f9a",
          "20261122T203501Z-full-3f9a/", "../../../../../../../../etc"})
        EXPECT_FALSE(IsValidBackupId(id)) << id;
}

}  // namespace
}  // namespace agri::repo

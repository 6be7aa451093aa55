// Object keys, as docs/repository-format.md draws them.
#include "repo/layout.hpp"

#include <gtest/gtest.h>

#include "repo/fixed_sealing.hpp"
#include "repo/salt.hpp"
#include "storage/storage.hpp"

namespace agri::repo::layout {
namespace {

base::WalFileName Wal(std::string_view name) { return *base::WalFileName::Parse(name); }

TEST(LayoutTest, Keys_OfEveryKind_AreAsDocumented) {
    EXPECT_EQ(KeySlot(3, "file-0a0b0c0d"), "keys/00000003/file-0a0b0c0d");
    EXPECT_EQ(Incarnation("main", 12), "clusters/main/incarnations/00000012");
    IncarnationKeys keys("main", IncarnationFolderName(15, 18446744073709551615u));
    EXPECT_EQ(keys.base(), "clusters/main/15-18446744073709551615/");
    auto below = [&](const std::string& key) {
        EXPECT_TRUE(key.starts_with(keys.base())) << key;
        return key.substr(keys.base().size());
    };
    EXPECT_EQ(below(keys.Claim(7)), "claims/0000000000000007");
    EXPECT_EQ(below(keys.Lease("backup", 8)), "leases/backup/0000000000000008");
    EXPECT_EQ(below(keys.Intent("b")), "intents/b");
    EXPECT_EQ(below(keys.Manifest("b")), "backups/b/manifest");
    EXPECT_EQ(below(keys.Expired("b")), "backups/b/expired");
    EXPECT_EQ(below(keys.Pack(test::Counting<16>(0xa0))),
              "packs/a0/a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    EXPECT_EQ(below(keys.Wal(Wal("0000000A000000010000002B"))),
              "wal/0000000A/00000001/0000000A000000010000002B");
    EXPECT_EQ(below(keys.Wal(Wal("0000000A000000010000002B.partial"))),
              "wal/0000000A/00000001/0000000A000000010000002B.partial");
    EXPECT_EQ(below(keys.Wal(Wal("0000000A000000010000002B.00000028.backup"))),
              "wal/0000000A/00000001/0000000A000000010000002B.00000028.backup");
    EXPECT_EQ(below(keys.Wal(Wal("0000000A.history"))), "timelines/0000000A.history");
    EXPECT_EQ(below(keys.ChangedBlocks(Wal("0000000A000000010000002B"))),
              "wal/0000000A/00000001/0000000A000000010000002B.blocks");
    EXPECT_EQ(below(keys.Gap(base::TimelineId{10}, base::Lsn{0x1AB000000})),
              "wal/0000000A/gaps/00000001AB000000");
    for (const std::string& key : {keys.Gap(base::TimelineId{10}, base::Lsn{1}), keys.Claim(1),
                                   keys.Lease("a", 1), KeySlot(1, "s")})
        EXPECT_TRUE(storage::IsValidKey(key)) << key;
}

TEST(LayoutTest, CheckClusterName_Names_AreJudged) {
    for (const char* name : {"a", "0", "agritech", "main-15", "farm_2"})
        EXPECT_TRUE(CheckClusterName(name)) << name;
    EXPECT_TRUE(CheckClusterName(std::string(63, 'a')));
    for (const char* name : {"", "-a", "_a", "Main", "a.b", "a/b", "..", "a b", "\xc3\xa4"})
        EXPECT_FALSE(CheckClusterName(name)) << name;
    EXPECT_FALSE(CheckClusterName(std::string(64, 'a')));
}

TEST(LayoutTest, ParseNumber_OnlyExactDigits) {
    EXPECT_EQ(ParseNumber("0000000000000017", 16), 17u);
    EXPECT_EQ(ParseNumber("9999999999999999", 16), 9999999999999999u);
    for (const char* name : {"", "17", "000000000000001x", " 000000000000017", "00000000000000017"})
        EXPECT_FALSE(ParseNumber(name, 16)) << name;
}

TEST(SaltTest, Fresh_EvenFromARepeatingGenerator_NeverRepeats) {
    class Stuck final : public base::Random {
        void Fill(base::MutableBytes out) override {
            std::fill(out.begin(), out.end(), std::byte{7});
        }
    } stuck;
    EXPECT_NE(FreshSalt(stuck), FreshSalt(stuck));
}

}  // namespace
}  // namespace agri::repo::layout

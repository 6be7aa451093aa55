// Each rule of the changed-blocks map, and the map of real WAL against pg_waldump's block
// references.
#include "wal/changed_blocks.hpp"

#include <gtest/gtest.h>

#include "golden.hpp"
#include "wal_builder.hpp"

namespace agri::wal {
namespace {

using base::Bytes;

constexpr RelationFile kTable{1663, 5, 16384};
constexpr RelationFork kTableMain{kTable, Fork::kMain};

Bytes Integers(std::initializer_list<uint32_t> values) {
    Bytes bytes(values.size() * 4);
    size_t at = 0;
    for (uint32_t value : values) base::StoreLe(bytes.data() + 4 * at++, value);
    return bytes;
}

class WrittenBlocks {
   public:
    WalBuilder wal;

    void Touch(uint32_t block, Fork fork = Fork::kMain) {
        Bytes body = {std::byte{0}, static_cast<std::byte>(fork), std::byte{0}, std::byte{0}};
        const Bytes tag = Integers({kTable.tablespace, kTable.database, kTable.relation, block});
        body.insert(body.end(), tag.begin(), tag.end());
        wal.AppendBody(static_cast<ResourceManager>(10), 0, body);
    }
    ChangedBlocks Collect() const {
        ChangedBlocks changed;
        EXPECT_TRUE(ScanSegment(wal.Segment(0), {.visitor = &changed}));
        return changed;
    }
};

TEST(ChangedBlocks, BlockReferences_AreMarkedButNotTheFreeSpaceMap) {
    WrittenBlocks sample;
    sample.Touch(7);
    sample.Touch(3);
    sample.Touch(7);
    sample.Touch(1, Fork::kFreeSpaceMap);
    sample.Touch(0, Fork::kVisibilityMap);
    const ChangedBlocks changed = sample.Collect();
    ASSERT_EQ(changed.forks().size(), 2u);
    EXPECT_EQ(changed.forks().at(kTableMain).blocks.Blocks(), (std::vector<uint32_t>{3, 7}));
    EXPECT_EQ(changed.forks().at(kTableMain).limit_block, ForkChanges::kNoLimit);
    EXPECT_EQ(changed.forks().count({kTable, Fork::kVisibilityMap}), 1u);
    EXPECT_FALSE(changed.IsNew(kTableMain));
    EXPECT_EQ(changed.unusable_reason(), "");
}

TEST(ChangedBlocks, Create_MakesTheForkNew) {
    WrittenBlocks sample;
    sample.Touch(7);
    sample.wal.Append(ResourceManager::kStorage, 0x10, Integers({1663, 5, 16384, 0}));
    sample.Touch(2);
    const ChangedBlocks changed = sample.Collect();
    EXPECT_TRUE(changed.IsNew(kTableMain));
    EXPECT_EQ(changed.forks().at(kTableMain).blocks.Blocks(), (std::vector<uint32_t>{2}));
}

TEST(ChangedBlocks, Truncate_LimitsMainAndVisibilityMap) {
    WrittenBlocks sample;
    for (uint32_t block : {1u, 99u, 100u, 70000u}) sample.Touch(block);
    sample.wal.Append(ResourceManager::kStorage, 0x20, Integers({100, 1663, 5, 16384, 7}));
    sample.Touch(120);
    const ChangedBlocks changed = sample.Collect();
    const ForkChanges& table = changed.forks().at(kTableMain);
    EXPECT_EQ(table.limit_block, 100u);
    EXPECT_EQ(table.blocks.Blocks(), (std::vector<uint32_t>{1, 99, 120}));
    EXPECT_EQ(changed.forks().at({kTable, Fork::kVisibilityMap}).limit_block, 0u);
    EXPECT_EQ(changed.forks().count({kTable, Fork::kFreeSpaceMap}), 0u);
}

TEST(ChangedBlocks, DropAtCommitOrAbort_MakesAllForksNew) {
    for (int kind : {0x80, 0xA0, 0xB0, 0xC0}) {
        WrittenBlocks sample;
        sample.Touch(7);
        // Time, xinfo (relations), their number, one relation.
        sample.wal.Append(ResourceManager::kTransaction, static_cast<uint8_t>(kind),
                          Integers({0, 0, 1u << 2, 1, 1663, 5, 16384}));
        const ChangedBlocks changed = sample.Collect();
        for (Fork fork : {Fork::kMain, Fork::kVisibilityMap, Fork::kInit})
            EXPECT_TRUE(changed.IsNew({kTable, fork})) << kind;
        EXPECT_TRUE(changed.forks().at(kTableMain).blocks.IsEmpty());
    }
}

TEST(ChangedBlocks, DatabaseCreatedOrDropped_MakesItsRelationsNew) {
    const auto database_record = [](int kind, const Bytes& data) {
        WrittenBlocks sample;
        sample.wal.Append(ResourceManager::kDatabase, static_cast<uint8_t>(kind), data);
        return sample.Collect();
    };
    EXPECT_TRUE(database_record(0x00, Integers({5, 1663, 4, 1663})).IsNew(kTableMain));
    EXPECT_TRUE(database_record(0x10, Integers({5, 1663})).IsNew(kTableMain));
    const ChangedBlocks dropped = database_record(0x20, Integers({5, 2, 77, 1663}));
    EXPECT_TRUE(dropped.IsNew(kTableMain));
    EXPECT_TRUE(dropped.IsNew({{77, 5, 1}, Fork::kMain}));
    EXPECT_FALSE(dropped.IsNew({{1663, 6, 16384}, Fork::kMain}));
}

TEST(ChangedBlocks, UnreadableOrMinimal_IsUnusable) {
    const auto reason = [](ResourceManager manager, int info, const Bytes& data) {
        WrittenBlocks sample;
        sample.wal.Append(manager, static_cast<uint8_t>(info), data);
        return sample.Collect().unusable_reason();
    };
    EXPECT_EQ(reason(ResourceManager::kDatabase, 0x20, Integers({5, 9, 1})),
              "unreadable database record at 0/300028");
    EXPECT_EQ(reason(ResourceManager::kDatabase, 0x30, Integers({5, 9})),
              "unknown database record at 0/300028");
    EXPECT_EQ(reason(ResourceManager::kStorage, 0x10, Integers({5})),
              "unreadable storage record at 0/300028");
    EXPECT_EQ(reason(ResourceManager::kTransaction, 0x80, Integers({0, 0})),
              "unreadable commit or abort record at 0/300028");
    EXPECT_EQ(reason(ResourceManager::kXlog, 0x60, Integers({100, 8, 10, 0, 64, 0, 0})),
              "wal_level is minimal at 0/300028");
    EXPECT_EQ(reason(ResourceManager::kXlog, 0x60, Integers({100, 8, 10, 0, 64, 1, 0})), "");
    EXPECT_EQ(reason(ResourceManager::kXlog, 0xE0, Integers({0})),
              "wal_level is minimal at 0/300028");
}

TEST(ChangedBlocks, Append_EqualsOneScan) {
    WrittenBlocks first, second;
    for (uint32_t block : {1u, 5u, 9u}) first.Touch(block);
    second.Touch(8);
    second.wal.Append(ResourceManager::kStorage, 0x20, Integers({4, 1663, 5, 16384, 1}));
    second.Touch(6);
    ChangedBlocks joined = first.Collect();
    joined.Append(second.Collect());
    const ForkChanges& table = joined.forks().at(kTableMain);
    EXPECT_EQ(table.limit_block, 4u);
    EXPECT_EQ(table.blocks.Blocks(), (std::vector<uint32_t>{1, 6}));
}

TEST(ChangedBlocks, GoldenWal_HoldsEveryBlockOfPgWaldump) {
    for (int version : golden::kVersions) {
        ChangedBlocks changed;
        SegmentCarry carry;
        for (const std::string& name : golden::Timeline1(version)) {
            ChangedBlocks whole, crossing;
            auto scan = ScanSegment(golden::ReadFile(version, name), {.visitor = &whole});
            ASSERT_TRUE(scan);
            Stitch(carry, *scan, &crossing);
            changed.Append(crossing);
            changed.Append(whole);
        }
        EXPECT_NE(changed.unusable_reason(), "") << "it went through wal_level minimal";
        std::map<std::string, const ForkChanges*> by_name;
        static const char* const kForks[] = {"main", "fsm", "vm", "init"};
        for (const auto& [key, changes] : changed.forks()) {
            by_name[fmt::format("{}/{}/{}/{}", key.file.tablespace, key.file.database,
                                key.file.relation, kForks[static_cast<int>(key.fork)])] = &changes;
        }
        size_t checked = 0;
        for (const golden::RecordLine& line : golden::ReadDump(version, "timeline1.txt")) {
            for (const std::string& name : line.blocks) {
                const size_t slash = name.rfind('/');
                const std::string fork = name.substr(0, slash);
                if (fork.ends_with("/fsm")) continue;
                const auto block = static_cast<uint32_t>(std::stoul(name.substr(slash + 1)));
                ASSERT_EQ(by_name.count(fork), 1u) << fork;
                const ForkChanges& changes = *by_name[fork];
                EXPECT_TRUE(block >= changes.limit_block || changes.blocks.Contains(block)) << name;
                ++checked;
            }
        }
        EXPECT_GT(checked, 1000u);
    }
}

TEST(BlockSet, FewAndMany_BehaveAlike) {
    BlockSet set;
    for (uint32_t i = 0; i < 5000; ++i) set.Insert(i * 7 % 5000 * 3);
    set.Insert(UINT32_MAX);
    EXPECT_EQ(set.Count(), 5001u);
    EXPECT_TRUE(set.Contains(2999 * 3));
    EXPECT_FALSE(set.Contains(1));
    set.EraseFrom(300);
    EXPECT_EQ(set.Count(), 100u);
    EXPECT_EQ(set.Blocks().back(), 297u);
    set.EraseFrom(0);
    EXPECT_TRUE(set.IsEmpty());
}

}  // namespace
}  // namespace agri::wal

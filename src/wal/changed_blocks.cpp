#include "wal/changed_blocks.hpp"

#include <algorithm>

#include "wal/facts.hpp"
#include "wal/record_kinds.hpp"
#include "wal/transaction.hpp"

namespace agri::wal {
namespace {

using base::ByteView;
using base::LoadLe;

// Flags of xl_smgr_truncate (SMGR_TRUNCATE_* in storage_xlog.h).
constexpr uint32_t kTruncateMain = 0x0001;
constexpr uint32_t kTruncateVisibilityMap = 0x0002;

RelationFile LoadRelationFile(const std::byte* from) {
    return {LoadLe<uint32_t>(from), LoadLe<uint32_t>(from + 4), LoadLe<uint32_t>(from + 8)};
}

// The stand-in for all relations of a database in a tablespace.
RelationFork WholeDatabase(uint32_t tablespace, uint32_t database) {
    return {{tablespace, database, 0}, Fork::kMain};
}

}  // namespace

void ForkChanges::SetLimit(uint32_t block) {
    limit_block = std::min(limit_block, block);
    blocks.EraseFrom(block);
}

void ForkChanges::Append(const ForkChanges& later) {
    if (later.limit_block != kNoLimit) SetLimit(later.limit_block);
    blocks.Merge(later.blocks);
}

ForkChanges& ChangedBlocks::ChangesOf(const RelationFork& fork) {
    if (recent_ == nullptr || recent_->first != fork) recent_ = &*forks_.try_emplace(fork).first;
    return recent_->second;
}

void ChangedBlocks::MarkUnusable(const Record& record, std::string_view reason) {
    if (unusable_reason_.empty())
        unusable_reason_ = fmt::format("{} at {}", reason, record.start.ToString());
}

void ChangedBlocks::Visit(const Record& record) {
    switch (record.header.manager) {
        case ResourceManager::kXlog:
            VisitXlog(record);
            break;
        case ResourceManager::kTransaction:
            VisitTransaction(record);
            break;
        case ResourceManager::kStorage:
            VisitStorage(record);
            break;
        case ResourceManager::kDatabase:
            VisitDatabase(record);
            break;
        default:
            break;
    }
    for (uint32_t i = 0; i < record.block_count; ++i) {
        const BlockReference& block = record.blocks[i];
        // The free space map is not fully logged.
        if (block.fork == Fork::kFreeSpaceMap) continue;
        ChangesOf({block.file, block.fork}).blocks.Insert(block.block);
    }
}

void ChangedBlocks::VisitXlog(const Record& record) {
    if (!HasFacts(record.header)) return;
    WalFacts facts;
    AddRecordFacts(record, facts);
    if (facts.SawMinimalWalLevel()) MarkUnusable(record, "wal_level is minimal");
}

void ChangedBlocks::VisitTransaction(const Record& record) {
    const auto dropped = ReadDroppedRelations(record);
    if (!dropped) return MarkUnusable(record, "unreadable commit or abort record");
    for (const RelationFile& file : *dropped) {
        for (Fork fork : {Fork::kMain, Fork::kVisibilityMap, Fork::kInit})
            ChangesOf({file, fork}).SetLimit(0);
    }
}

// xl_smgr_create: relation, fork. xl_smgr_truncate: block, relation, flags.
void ChangedBlocks::VisitStorage(const Record& record) {
    const ByteView data = record.main_data;
    const uint8_t kind = KindOf(record.header);
    if (kind == kStorageCreate) {
        if (data.size() < 16) return MarkUnusable(record, "unreadable storage record");
        const auto fork = static_cast<Fork>(data[12]);
        if (fork != Fork::kFreeSpaceMap)
            ChangesOf({LoadRelationFile(data.data()), fork}).SetLimit(0);
    } else if (kind == kStorageTruncate) {
        if (data.size() < 20) return MarkUnusable(record, "unreadable storage record");
        const RelationFile file = LoadRelationFile(data.data() + 4);
        const auto flags = LoadLe<uint32_t>(data.data() + 16);
        if ((flags & kTruncateMain) != 0)
            ChangesOf({file, Fork::kMain}).SetLimit(LoadLe<uint32_t>(data.data()));
        // What is left of the map follows from its page layout; to take none of it is always right.
        if ((flags & kTruncateVisibilityMap) != 0)
            ChangesOf({file, Fork::kVisibilityMap}).SetLimit(0);
    }
}

// Both creations begin with database and tablespace; a drop lists the tablespaces.
void ChangedBlocks::VisitDatabase(const Record& record) {
    const ByteView data = record.main_data;
    if (data.size() < 8) return MarkUnusable(record, "unreadable database record");
    const auto database = LoadLe<uint32_t>(data.data());
    const auto second = LoadLe<uint32_t>(data.data() + 4);
    switch (KindOf(record.header)) {
        case kDatabaseCreateFileCopy:
        case kDatabaseCreateWalLog:
            ChangesOf(WholeDatabase(second, database)).SetLimit(0);
            return;
        case kDatabaseDrop: {
            ByteView tablespaces = data.subspan(8);
            if (tablespaces.size() / 4 < second)
                return MarkUnusable(record, "unreadable database record");
            for (uint32_t i = 0; i < second; ++i) {
                const auto tablespace = LoadLe<uint32_t>(tablespaces.data() + size_t{4} * i);
                ChangesOf(WholeDatabase(tablespace, database)).SetLimit(0);
            }
            return;
        }
        default:
            return MarkUnusable(record, "unknown database record");
    }
}

void ChangedBlocks::Append(const ChangedBlocks& later) {
    for (const auto& [fork, changes] : later.forks_) forks_[fork].Append(changes);
    if (unusable_reason_.empty()) unusable_reason_ = later.unusable_reason_;
}

bool ChangedBlocks::IsNew(const RelationFork& fork) const {
    const auto is_new = [&](const RelationFork& key) {
        const auto entry = forks_.find(key);
        return entry != forks_.end() && entry->second.limit_block == 0;
    };
    return is_new(fork) || is_new(WholeDatabase(fork.file.tablespace, fork.file.database));
}

}  // namespace agri::wal

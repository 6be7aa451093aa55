// Which blocks of which relation forks a stretch of WAL changed: what an incremental backup copies.
// The rules are those of PostgreSQL 17's src/backend/postmaster/walsummarizer.c. Not tracked, so to
// be copied whole: the FSM and VM forks, SLRUs, relation maps, pg_control, all that is no relation.
// (VM blocks are noted where WAL names them, but before 17.11 and 18.6 WAL does not name them all.)
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "wal/block_set.hpp"
#include "wal/record.hpp"

namespace agri::wal {

struct RelationFork {
    RelationFile file;
    Fork fork = Fork::kMain;

    auto operator<=>(const RelationFork&) const = default;
};

// What happened to one fork.
struct ForkChanges {
    static constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();
    // The fork was cut to, or created with, this many blocks at some moment: blocks at or above it
    // share nothing with the earlier ones, changed or not. kNoLimit: never.
    uint32_t limit_block = kNoLimit;
    BlockSet blocks;

    // The fork was cut to `block` blocks: what was changed behind them before no longer exists.
    void SetLimit(uint32_t block);
    // Puts the changes of the WAL that directly follows behind these.
    void Append(const ForkChanges& later);
};

// Collects changes as a visitor of ScanSegment() and Stitch(). Not thread-safe: one for each
// segment and one for each crossing record, joined with Append() in WAL order.
class ChangedBlocks : public RecordVisitor {
   public:
    ChangedBlocks() = default;
    // Moves only: `recent_` points into the map.
    ChangedBlocks(ChangedBlocks&& other) noexcept
        : forks_(std::move(other.forks_)),
          recent_(std::exchange(other.recent_, nullptr)),
          unusable_reason_(std::move(other.unusable_reason_)) {}
    ChangedBlocks& operator=(ChangedBlocks&& other) noexcept {
        forks_ = std::move(other.forks_);
        recent_ = std::exchange(other.recent_, nullptr);
        unusable_reason_ = std::move(other.unusable_reason_);
        return *this;
    }

    bool Wants(const RecordHeader&) const override { return true; }
    void Visit(const Record& record) override;

    void Append(const ChangedBlocks& later);

    // Changes by fork. A database that was created or dropped in a tablespace stands as the main
    // fork of (tablespace, database, relation 0), with limit 0.
    const std::map<RelationFork, ForkChanges>& forks() const { return forks_; }
    // Whether every block of the fork is to be taken as new: it, or its database, was created anew.
    bool IsNew(const RelationFork& fork) const;
    // Set once these changes cannot be relied on (wal_level = minimal, an unreadable record): why.
    // Then no incremental backup may be based on them.
    const std::string& unusable_reason() const { return unusable_reason_; }

   private:
    ForkChanges& ChangesOf(const RelationFork& fork);
    void VisitXlog(const Record& record);
    void VisitTransaction(const Record& record);
    void VisitStorage(const Record& record);
    void VisitDatabase(const Record& record);
    void MarkUnusable(const Record& record, std::string_view reason);

    std::map<RelationFork, ForkChanges> forks_;
    // The fork of the last block reference: the next one is likely the same. Null or into forks_.
    std::pair<const RelationFork, ForkChanges>* recent_ = nullptr;
    std::string unusable_reason_;
};

}  // namespace agri::wal

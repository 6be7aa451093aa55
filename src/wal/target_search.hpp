// Finds recovery targets in WAL: where a transaction ended, and where recovery to a time would
// stop. The rules are recoveryStopsBefore()/recoveryStopsAfter() of PostgreSQL's
// src/backend/access/transam/xlogrecovery.c. Both finders are visitors: give them to ScanSegment()
// and Stitch() in WAL order.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "wal/record.hpp"
#include "wal/transaction.hpp"

namespace agri::wal {

// Finds the commit or abort of one top-level transaction. Subtransactions are no recovery targets.
class XidFinder : public RecordVisitor {
   public:
    explicit XidFinder(uint32_t xid) : xid_(xid) {}
    bool Wants(const RecordHeader& header) const override { return IsTransactionEnd(header); }
    void Visit(const Record& record) override;
    // The first match; nullopt while there is none.
    const std::optional<TransactionEnd>& found() const { return found_; }

   private:
    const uint32_t xid_;
    std::optional<TransactionEnd> found_;
};

enum class TargetInclusion {
    kInclusive,  // recovery_target_inclusive = on: stop before the first end later than the time
    kExclusive,  // … = off: stop before the first end at or later than the time
};

// Finds where recovery to a time stops: before the first commit or abort beyond it. Commit times
// need not ascend along the WAL; like recovery, the finder ignores everything behind the first
// stop.
class TimeFinder : public RecordVisitor {
   public:
    TimeFinder(base::WallTime target, TargetInclusion inclusion)
        : target_(target), inclusion_(inclusion) {}
    bool Wants(const RecordHeader& header) const override {
        return !stop_.has_value() && IsTransactionEnd(header);
    }
    void Visit(const Record& record) override;
    // The last commit that recovery to the time would replay: the nearest reachable moment before
    // it.
    const std::optional<TransactionEnd>& last_commit() const { return last_commit_; }
    // The commit or abort before which recovery stops; nullopt while the WAL seen ends before the
    // time (a server would then fail with "recovery ended before configured recovery target was
    // reached").
    const std::optional<TransactionEnd>& stop() const { return stop_; }

   private:
    const base::WallTime target_;
    const TargetInclusion inclusion_;
    std::optional<TransactionEnd> last_commit_;
    std::optional<TransactionEnd> stop_;
};

}  // namespace agri::wal

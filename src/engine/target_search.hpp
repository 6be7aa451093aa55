// Where along a path a recovery target lies. Indexes narrow it down, and the records of the few
// segments in question decide, by PostgreSQL's own rules (wal/target_search.hpp).
#pragma once

#include <vector>

#include "engine/segment_source.hpp"
#include "engine/target.hpp"

namespace agri::engine {

// Records can stand a few segments after the place that their time or transaction id suggests.
inline constexpr uint64_t kSegmentsBefore = 2;

struct TargetPosition {
    base::Lsn stop;                    // a backup leads here when its stop point is at or before it
    uint64_t last_segment = 0;         // number of the last segment that recovery has to read
    int64_t last_commit_us = 0;        // of the last commit replayed, 0 when unknown
    RecoveryTarget effective;          // as RestorePlan::effective_target
    std::vector<base::Lsn> same_name;  // earlier restore points of the same name, ascending
};

// Each returns kUnreachableTarget when the path's WAL does not hold the target: message and detail
// say why, and how far the WAL goes. Holes are not looked for here, and damaged segments are passed
// over (SegmentSource::damage): the target may lie in one.
base::Result<TargetPosition> FindTime(const SegmentSource& source, const SegmentPath& path,
                                      const RecoveryTarget& target);
base::Result<TargetPosition> FindLsn(const SegmentSource& source, const SegmentPath& path,
                                     const RecoveryTarget& target);
base::Result<TargetPosition> FindXid(const SegmentSource& source, const SegmentPath& path,
                                     const RecoveryTarget& target);
// `threads`: every index of the path is read.
base::Result<TargetPosition> FindName(const SegmentSource& source, const SegmentPath& path,
                                      const RecoveryTarget& target, uint32_t threads);

// Of segment `index` of the path, with the record that crosses into it.
base::Result<wal::WalFacts> FactsOfSegment(const SegmentSource& source, const SegmentPath& path,
                                           uint64_t index);

// "2026-11-22T20:15:01.123456Z".
std::string FormatMicroseconds(int64_t time_us);

}  // namespace agri::engine

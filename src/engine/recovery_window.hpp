// The moments that can be reached: from a backup's stop to the end of gapless WAL, along one
// timeline's path. They answer "where else can I go?" when a target cannot be reached.
#pragma once

#include "engine/archive_map.hpp"
#include "engine/segment_source.hpp"
#include "engine/target.hpp"

namespace agri::engine {

// Whether the WAL from the backup's start to its stop is there: without it, it cannot be restored.
bool HasOwnWal(const repo::format::ManifestHeader& backup, const SegmentPath& path,
               uint64_t segment_size);

// Windows along that path, ascending; a window's timeline is the path's.
base::Result<std::vector<RecoveryWindow>> WindowsOn(const ArchiveMap& map, const TimelinePath& path,
                                                    const SegmentSource& source);

// "On timeline 2, recovery reaches the moments from … (LSN …, backup …) to … (LSN …)." for the
// windows nearest to the target; empty windows say what is missing.
std::string DescribeNearest(const std::vector<RecoveryWindow>& windows,
                            const RecoveryTarget& target, base::TimelineId timeline);

}  // namespace agri::engine

// The part of the report that tells archived WAL from WAL that is lost: a hole counts as missing
// only where a restore of some backup would have to read it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "engine/context.hpp"
#include "engine/object_problems.hpp"
#include "repo/catalog.hpp"
#include "repo/wal_archive.hpp"
#include "wal/history_file.hpp"

namespace agri::engine {

// One timeline as the archive knows it.
struct TimelineReport {
    wal::TimelineHistory history;
    std::vector<repo::TimelineRange> ranges;  // ascending
    std::vector<repo::format::DeclaredGap> gaps;
    std::vector<base::SegmentId> partials;  // archived as .partial
};

// Timelines of which something is archived, ascending.
base::Result<std::vector<TimelineReport>> LoadTimelines(const repo::Incarnation& incarnation,
                                                        ObjectProblems& problems);

struct MissingWal {
    base::TimelineId timeline;
    uint64_t first = 0, end = 0;  // segment numbers; the end is not missing
};
// What backups need and neither stands in the archive nor was declared lost.
std::vector<MissingWal> FindMissingWal(const std::vector<TimelineReport>& timelines,
                                       const std::vector<repo::CatalogEntry>& backups,
                                       uint64_t segment_size);

// `wal_archive` of docs/architecture.md, by timeline and LSN. Reads a few indexes a range, for the
// times of commits; those that cannot be read are added to `problems`.
base::Result<nlohmann::json> DescribeWal(const repo::Incarnation& incarnation,
                                         const std::vector<repo::CatalogEntry>& backups,
                                         ObjectProblems& problems);

// ISO 8601 of microseconds since the Unix epoch; null for 0.
nlohmann::json TimeOrNull(int64_t microseconds);

}  // namespace agri::engine

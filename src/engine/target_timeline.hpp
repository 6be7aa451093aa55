// Which timelines a target is looked for on, by number or by word.
#pragma once

#include <optional>
#include <vector>

#include "engine/archive_map.hpp"
#include "engine/target.hpp"

namespace agri::engine {

struct TimelineChoice {
    // Never empty; the first that leads to the target is taken.
    std::vector<base::TimelineId> candidates;
    // The newest timeline, where "latest" is another one (see RestorePlan).
    std::optional<base::TimelineId> left;
};

// "latest" is the newest timeline that the backup, or any, leads to, unless the repository's writer
// has left it: `adopt` gives the repository to a server of an older timeline. Then it is the newest
// one that is the writer's or descends from it. kCorrupt when a damaged or lost object leaves that
// open. `backup` null: any.
base::Result<TimelineChoice> ChooseTimelines(const ArchiveMap& map,
                                             const repo::Incarnation& incarnation,
                                             const RecoveryTarget& target,
                                             const repo::format::ManifestHeader* backup);

}  // namespace agri::engine

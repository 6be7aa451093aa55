// Turns a target on one timeline into a plan: the position of the target, the latest backup from
// which gapless WAL leads there, and the words that explain the choice.
#pragma once

#include "engine/archive_map.hpp"
#include "engine/segment_source.hpp"
#include "engine/target.hpp"
#include "engine/target_search.hpp"

namespace agri::engine {

struct PlanRequest {
    RecoveryTarget target;
    const repo::format::ManifestHeader* backup = nullptr;  // null: to be chosen
    uint32_t threads = 1;
};

// "recovery target time" and the like.
std::string_view TargetNoun(TargetKind kind);

// Map and source must outlive it. Thread-safe.
class PlanBuilder {
   public:
    PlanBuilder(const ArchiveMap& map, const SegmentSource& source, PlanRequest request)
        : map_(map), source_(source), request_(std::move(request)) {}

    // kUnreachableTarget says why this timeline does not lead to the target, and what is nearest.
    base::Result<RestorePlan> Build(base::TimelineId timeline) const;
    const ArchiveMap& map() const { return map_; }

   private:
    using Backup = repo::format::ManifestHeader;

    base::Result<RestorePlan> TryBuild(const TimelinePath& path) const;
    base::Result<SegmentPath> Searched(const TimelinePath& path) const;
    base::Result<TargetPosition> Locate(const SegmentPath& path,
                                        const std::vector<const Backup*>& backups) const;
    // Backups that end before the target, latest first; the one that was asked for alone.
    base::Result<std::vector<const Backup*>> Candidates(const TimelinePath& path,
                                                        const TargetPosition& position) const;
    base::Result<RestorePlan> PlanToPosition(const TimelinePath& path, const Backup& backup,
                                             TargetPosition position) const;
    base::Result<RestorePlan> PlanToEnd(const TimelinePath& path, const Backup& backup) const;
    // The first unfinished segment of the path from `number` on that cannot be read.
    std::optional<base::SegmentId> UnreadableFrom(const TimelinePath& path, uint64_t number) const;
    void KeepFromReadingAhead(const TimelinePath& path, uint64_t last_segment,
                              RestorePlan& plan) const;
    // The server asks for it after the last segment, and does not start when it gets an error.
    base::Status CheckEnd(const TimelinePath& path, uint64_t end) const;
    base::Error HoleBefore(const TimelinePath& path, const Backup& backup) const;
    // kCorrupt when a segment from the backup's start to `end_number` is known to be damaged.
    base::Status CheckReadable(const TimelinePath& path, const Backup& backup,
                               uint64_t end_number) const;
    void WarnOfDamage(const TimelinePath& path, RestorePlan& plan) const;
    void TellOfDamage(const TimelinePath& path, base::Error& error) const;
    RestorePlan StartPlan(const TimelinePath& path, const Backup& backup) const;
    void FinishPlan(const TimelinePath& path, uint64_t end_number, RestorePlan& plan) const;
    bool EndsBefore(const Backup& backup, const TargetPosition& position) const;

    const ArchiveMap& map_;
    const SegmentSource& source_;
    const PlanRequest request_;
};

}  // namespace agri::engine

// The decision which backup and which WAL lead to a target. It reads, and never writes.
#include "engine/target.hpp"

#include "engine/archive_map.hpp"
#include "engine/recovery_window.hpp"
#include "engine/restore_plan.hpp"
#include "engine/target_search.hpp"
#include "engine/target_timeline.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::TimelineId;

namespace {

base::Error NoBackup(const ArchiveMap& map, const repo::Incarnation& incarnation) {
    std::string problems;
    for (const std::string& problem : map.problems())
        problems += fmt::format("{}{}.", problems.empty() ? "" : " ", problem);
    return MakeError(ErrorCode::kUnreachableTarget, "cluster \"{}\" has no backup to restore",
                     incarnation.cluster())
        .WithDetail(problems);
}

Result<const repo::format::ManifestHeader*> FindBackup(const ArchiveMap& map,
                                                       const std::string& backup_id) {
    for (const auto& backup : map.backups())
        if (backup.backup_id() == backup_id) return &backup;
    for (const std::string& problem : map.problems())
        if (problem.find(backup_id) != std::string::npos)
            return base::Error(ErrorCode::kCorrupt, problem);
    return MakeError(ErrorCode::kNotFound, "there is no backup \"{}\"", backup_id)
        .WithHint("\"agri_backup info\" lists the backups.");
}

// Names a timeline that does lead to the target, when the user did not ask for one.
void HintAtOtherTimelines(const PlanBuilder& builder, const RecoveryTarget& target,
                          TimelineId tried, base::Error& error) {
    if (target.timeline != "latest" || target.kind == TargetKind::kEndOfWal) return;
    const auto& timelines = builder.map().timelines();
    for (auto it = timelines.rbegin(); it != timelines.rend(); ++it) {
        if (*it == tried || !builder.Build(*it)) continue;
        error.hint =
            fmt::format("Timeline {} leads to it: use --target-timeline {}.", it->value, it->value);
        return;
    }
}

// The plan on the first timeline that leads to the target; none does: why the first one does not.
Result<RestorePlan> BuildFirst(const PlanBuilder& builder,
                               const std::vector<TimelineId>& timelines) {
    Result<RestorePlan> first = builder.Build(timelines.front());
    if (first || first.error().code != ErrorCode::kUnreachableTarget) return first;
    for (size_t i = 1; i < timelines.size(); ++i) {
        Result<RestorePlan> other = builder.Build(timelines[i]);
        // Only a timeline that surely does not lead there may be passed over.
        if (other || other.error().code != ErrorCode::kUnreachableTarget) return other;
    }
    return first;
}

void TellOfLeft(TimelineId left, RestorePlan& plan) {
    plan.left_timeline = left;
    plan.warnings.push_back(fmt::format(
        "timeline {} was left: the repository's writer is on timeline {}, which this restore "
        "follows; --target-timeline {} takes the other",
        left.value, plan.target_timeline.value, left.value));
}

// Whether every moment of the window is reached along a younger timeline's path too.
bool IsContinued(const ArchiveMap& map, const RecoveryWindow& window) {
    for (TimelineId younger : map.timelines()) {
        if (!(window.timeline < younger)) continue;
        auto branch = map.History(younger).BranchPointOf(window.timeline);
        if (branch && window.from_lsn <= *branch && window.to_lsn <= *branch) return true;
    }
    return false;
}

}  // namespace

Result<RestorePlan> ResolveTarget(const repo::Incarnation& incarnation,
                                  const RecoveryTarget& target, const std::string& backup_id,
                                  const Context& context) {
    AGRI_ASSIGN(const ArchiveMap map, ArchiveMap::Load(incarnation));
    const repo::format::ManifestHeader* backup = nullptr;
    if (!backup_id.empty()) {
        AGRI_ASSIGN(backup, FindBackup(map, backup_id));
    }
    if (map.backups().empty()) return NoBackup(map, incarnation);
    AGRI_ASSIGN(const TimelineChoice choice, ChooseTimelines(map, incarnation, target, backup));
    const SegmentSource source(incarnation, context);
    const PlanBuilder builder(map, source, {target, backup, context.settings.EffectiveParallel()});
    Result<RestorePlan> plan = BuildFirst(builder, choice.candidates);
    if (plan && choice.left)
        TellOfLeft(*choice.left, *plan);
    else if (!plan && plan.error().code == ErrorCode::kUnreachableTarget)
        HintAtOtherTimelines(builder, target, choice.candidates.front(), plan.error());
    return plan;
}

Result<RecoveryWindows> ListRecoveryWindows(const repo::Incarnation& incarnation,
                                            const Context& context) {
    AGRI_ASSIGN(const ArchiveMap map, ArchiveMap::Load(incarnation));
    const SegmentSource source(incarnation, context);
    RecoveryWindows listed{{}, map.wal_problems()};
    for (const auto& [timeline, error] : map.damaged_histories()) {
        const auto file = base::WalFileName::Parse(timeline.ToString() + ".history");
        listed.problems.emplace(incarnation.keys().Wal(*file), error.message);
    }
    for (TimelineId timeline : map.timelines()) {
        if (map.damaged_histories().contains(timeline)) continue;
        const TimelinePath path = map.PathOf(timeline);
        AGRI_ASSIGN(std::vector<RecoveryWindow> found, WindowsOn(map, path, source));
        for (RecoveryWindow& window : found)
            if (!IsContinued(map, window)) listed.windows.push_back(std::move(window));
    }
    for (const DamagedSegment& damaged : source.damage().All())
        listed.problems.emplace(incarnation.keys().Wal(source.NameOf(damaged.segment)),
                                damaged.error.message);
    return listed;
}

}  // namespace agri::engine

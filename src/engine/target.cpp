// The decision which backup and which WAL lead to a target. It reads, and never writes.
#include "engine/target.hpp"

#include <charconv>

#include "engine/archive_map.hpp"
#include "engine/recovery_window.hpp"
#include "engine/restore_plan.hpp"
#include "engine/target_search.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::Result;
using base::Status;
using base::TimelineId;

namespace {

// Timelines to try, the first that leads to the target is taken.
using Candidates = std::vector<TimelineId>;

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

Result<Candidates> NumberedTimeline(const ArchiveMap& map, const std::string& text) {
    uint32_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number == 0)
        return MakeError(ErrorCode::kInvalidArgument, "invalid timeline \"{}\"", text)
            .WithHint("Use latest, current or a timeline number.");
    const TimelineId timeline{number};
    if (auto damaged = map.damaged_histories().find(timeline);
        damaged != map.damaged_histories().end())
        return base::Error(damaged->second);
    if (map.timelines().contains(timeline)) return Candidates{timeline};
    std::string known;
    for (TimelineId other : map.timelines())
        known += fmt::format("{}{}", known.empty() ? "" : ", ", other.value);
    return MakeError(ErrorCode::kUnreachableTarget, "timeline {} is not in the archive", number)
        .WithDetail(fmt::format("Known timelines are {}.", known));
}

TimelineId HighestTimeline(const ArchiveMap& map, const repo::format::ManifestHeader* backup) {
    if (backup != nullptr) return map.LatestFrom(*backup);
    TimelineId highest{0};
    for (const auto& candidate : map.backups())
        highest = std::max(highest, map.LatestFrom(candidate));
    return highest;
}

// A timeline whose history cannot be read, or is lost, may be the latest one: to take another would
// lose it.
Status CheckNoneIsUnknown(const ArchiveMap& map, TimelineId latest) {
    constexpr std::string_view kContext = "could not tell which timeline is the latest";
    if (!map.damaged_histories().empty()) {
        base::Error error = map.damaged_histories().rbegin()->second;
        return std::move(error).In(kContext).WithHint(
            "Name the timeline with --target-timeline to go on without that file.");
    }
    if (map.lost_histories().empty()) return {};
    const TimelineId unknown = *map.lost_histories().rbegin();
    if (unknown <= latest) return {};
    return MakeError(ErrorCode::kCorrupt, "{}: {}.history is not in the archive", kContext,
                     unknown.ToString())
        .WithDetail(fmt::format("The archive has WAL of timeline {}, and nothing says where it "
                                "branches off.",
                                unknown.value))
        .WithHint(fmt::format("Archive that file from pg_wal with \"agri_backup wal-push\", or "
                              "leave timeline {} aside knowingly: --target-timeline {}.",
                              unknown.value, latest.value));
}

Result<Candidates> LatestTimeline(const ArchiveMap& map,
                                  const repo::format::ManifestHeader* backup) {
    const TimelineId latest = HighestTimeline(map, backup);
    AGRI_TRY(CheckNoneIsUnknown(map, latest));
    return Candidates{latest};
}

Result<Candidates> ChooseTimelines(const ArchiveMap& map, const RecoveryTarget& target,
                                   const repo::format::ManifestHeader* backup) {
    if (target.timeline == "latest") return LatestTimeline(map, backup);
    if (target.timeline != "current") return NumberedTimeline(map, target.timeline);
    if (backup != nullptr) return Candidates{TimelineId{backup->stop_timeline()}};
    std::set<TimelineId> own;
    for (const auto& candidate : map.backups()) own.insert(TimelineId{candidate.stop_timeline()});
    return Candidates(own.rbegin(), own.rend());
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
    AGRI_ASSIGN(const Candidates timelines, ChooseTimelines(map, target, backup));
    const SegmentSource source(incarnation, context);
    const PlanBuilder builder(map, source, {target, backup, context.settings.EffectiveParallel()});
    Result<RestorePlan> first = builder.Build(timelines.front());
    if (first || first.error().code != ErrorCode::kUnreachableTarget) return first;
    for (size_t i = 1; i < timelines.size(); ++i) {
        Result<RestorePlan> other = builder.Build(timelines[i]);
        // Only a timeline that surely does not lead there may be passed over.
        if (other || other.error().code != ErrorCode::kUnreachableTarget) return other;
    }
    HintAtOtherTimelines(builder, target, timelines.front(), first.error());
    return first;
}

Result<std::vector<RecoveryWindow>> ListRecoveryWindows(const repo::Incarnation& incarnation,
                                                        const Context& context) {
    AGRI_ASSIGN(const ArchiveMap map, ArchiveMap::Load(incarnation));
    const SegmentSource source(incarnation, context);
    std::vector<RecoveryWindow> windows;
    for (TimelineId timeline : map.timelines()) {
        if (map.damaged_histories().contains(timeline)) continue;
        const TimelinePath path = map.PathOf(timeline);
        AGRI_ASSIGN(std::vector<RecoveryWindow> found, WindowsOn(map, path, source));
        for (RecoveryWindow& window : found)
            if (!IsContinued(map, window)) windows.push_back(std::move(window));
    }
    return windows;
}

}  // namespace agri::engine

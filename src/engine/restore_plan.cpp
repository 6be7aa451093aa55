#include "engine/restore_plan.hpp"

#include <algorithm>

#include "engine/recovery_window.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::Result;
using base::Status;
using base::TimelineId;

namespace {

std::vector<TimelineStep> StepsTo(const wal::TimelineHistory& history, Lsn from, Lsn end) {
    std::vector<TimelineStep> steps;
    for (const wal::HistoryEntry& ancestor : history.ancestors()) {
        if (ancestor.switch_point <= from) continue;
        const Lsn to = std::min(ancestor.switch_point, end);
        steps.push_back({ancestor.timeline, from, to});
        from = to;
        if (from == end) return steps;
    }
    steps.push_back({history.timeline(), from, std::max(from, end)});
    return steps;
}

std::string Moment(Lsn lsn, int64_t time_us) {
    if (time_us == 0) return fmt::format("LSN {}", lsn.ToString());
    return fmt::format("LSN {} ({})", lsn.ToString(), FormatMicroseconds(time_us));
}

}  // namespace

Result<RestorePlan> PlanBuilder::Build(TimelineId timeline) const {
    const TimelinePath path = map_.PathOf(timeline);
    Result<RestorePlan> plan = TryBuild(path);
    if (plan || plan.error().code != ErrorCode::kUnreachableTarget) return plan;
    TellOfDamage(path, plan.error());
    // What else is there; when even that cannot be read, the error itself has to do.
    auto windows = WindowsOn(map_, path, source_);
    if (!windows) return plan;
    base::Error& error = plan.error();
    error.detail +=
        (error.detail.empty() ? "" : " ") + DescribeNearest(*windows, request_.target, timeline);
    return plan;
}

Result<RestorePlan> PlanBuilder::TryBuild(const TimelinePath& path) const {
    const auto backups = map_.BackupsOn(path.history);
    const uint32_t number = path.history.timeline().value;
    if (request_.backup != nullptr &&
        std::find(backups.begin(), backups.end(), request_.backup) == backups.end())
        return MakeError(ErrorCode::kUnreachableTarget, "backup {} does not lead to timeline {}",
                         request_.backup->backup_id(), number);
    if (backups.empty())
        return MakeError(ErrorCode::kUnreachableTarget, "no backup leads to timeline {}", number);
    if (path.segments.size() == 0)
        return MakeError(ErrorCode::kUnreachableTarget, "the archive has no WAL on timeline {}",
                         number);
    AGRI_ASSIGN(const SegmentPath searched, Searched(path));
    AGRI_ASSIGN(const TargetPosition position, Locate(searched, backups));
    AGRI_ASSIGN(const auto candidates, Candidates(path, position));
    for (const Backup* backup : candidates) {
        if (!HasOwnWal(*backup, path.segments, map_.segment_size())) continue;
        if (request_.target.kind == TargetKind::kEndOfWal) return PlanToEnd(path, *backup);
        return PlanToPosition(path, *backup, position);
    }
    return HoleBefore(path, *candidates.front());
}

// What lies before a backup that was asked for is nothing to it.
Result<SegmentPath> PlanBuilder::Searched(const TimelinePath& path) const {
    if (request_.backup == nullptr) return path.segments;
    const uint64_t first = request_.backup->start_lsn() / map_.segment_size();
    SegmentPath searched =
        BuildSegmentPath(path.history, map_.ranges(), first, map_.segment_size());
    if (searched.size() == 0) return HoleBefore(path, *request_.backup);
    return searched;
}

Result<TargetPosition> PlanBuilder::Locate(const SegmentPath& path,
                                           const std::vector<const Backup*>& backups) const {
    switch (request_.target.kind) {
        case TargetKind::kTime:
            return FindTime(source_, path, request_.target);
        case TargetKind::kLsn:
            return FindLsn(source_, path, request_.target);
        case TargetKind::kXid:
            return FindXid(source_, path, request_.target);
        case TargetKind::kName:
            return FindName(source_, path, request_.target, request_.threads);
        case TargetKind::kEndOfWal:
        case TargetKind::kImmediate:
            break;
    }
    TargetPosition position;
    position.stop = Lsn{backups.back()->stop_lsn()};
    position.effective = request_.target;
    return position;
}

bool PlanBuilder::EndsBefore(const Backup& backup, const TargetPosition& position) const {
    if (Lsn{backup.stop_lsn()} > position.stop) return false;
    // WAL from before the first backup may be missing, and with it commits behind the target that
    // the backup already holds: for those only the server's clock speaks.
    return request_.target.kind != TargetKind::kTime ||
           backup.start_us() <= request_.target.time.time_since_epoch().count();
}

Result<std::vector<const PlanBuilder::Backup*>> PlanBuilder::Candidates(
    const TimelinePath& path, const TargetPosition& position) const {
    std::vector<const Backup*> found;
    for (const Backup* backup : map_.BackupsOn(path.history))
        if ((request_.backup == nullptr || request_.backup == backup) &&
            EndsBefore(*backup, position))
            found.push_back(backup);
    std::reverse(found.begin(), found.end());
    if (!found.empty()) return found;
    const std::string_view noun = TargetNoun(request_.target.kind);
    if (request_.backup != nullptr)
        return MakeError(ErrorCode::kUnreachableTarget, "the {} lies before the end of backup {}",
                         noun, request_.backup->backup_id())
            .WithHint("Leave the choice of the backup to this command, or name an earlier one.");
    return MakeError(ErrorCode::kUnreachableTarget,
                     "the {} lies before the end of the first backup on timeline {}", noun,
                     path.history.timeline().value);
}

RestorePlan PlanBuilder::StartPlan(const TimelinePath& path, const Backup& backup) const {
    RestorePlan plan;
    plan.backup = backup;
    plan.target_timeline = path.history.timeline();
    plan.timeline_history_archived = map_.HasHistoryFile(plan.target_timeline);
    plan.effective_target = request_.target;
    plan.warnings = map_.problems();
    return plan;
}

void PlanBuilder::FinishPlan(const TimelinePath& path, uint64_t end_number,
                             RestorePlan& plan) const {
    const uint64_t first = plan.backup.start_lsn() / map_.segment_size();
    plan.wal_segments = end_number - first;
    plan.path = StepsTo(path.history, Lsn{plan.backup.start_lsn()}, plan.end_lsn);
    WarnOfDamage(path, plan);
    const Lsn stop{plan.backup.stop_lsn()};
    if (request_.backup != nullptr)
        plan.reason = "it was asked for";
    else if (request_.target.kind == TargetKind::kEndOfWal ||
             request_.target.kind == TargetKind::kImmediate)
        plan.reason = fmt::format("it is the latest backup on the way to timeline {}",
                                  plan.target_timeline.value);
    else
        plan.reason = fmt::format("it is the latest backup that ended before the target, at {}",
                                  Moment(stop, plan.backup.stop_us()));
    plan.reason += fmt::format("; WAL is archived without a gap from its start to {}",
                               Moment(plan.end_lsn, plan.end_commit_us));
}

Result<RestorePlan> PlanBuilder::PlanToPosition(const TimelinePath& path, const Backup& backup,
                                                TargetPosition position) const {
    const uint64_t segment_size = map_.segment_size();
    RestorePlan plan = StartPlan(path, backup);
    if (request_.target.kind == TargetKind::kImmediate) {
        position.stop = Lsn{backup.stop_lsn()};
        position.last_segment = (backup.stop_lsn() - 1) / segment_size;
        position.last_commit_us = backup.stop_us();
    }
    if (position.last_segment >= path.segments.EndOfCoverage(backup.start_lsn() / segment_size))
        return HoleBefore(path, backup);
    AGRI_TRY(CheckReadable(path, backup, position.last_segment + 1));
    plan.effective_target = position.effective;
    for (Lsn earlier : position.same_name) {
        if (earlier < Lsn{backup.start_lsn()}) continue;
        plan.effective_target.kind = TargetKind::kLsn;
        plan.effective_target.lsn = position.stop;
        plan.effective_target.exclusive = true;
        plan.warnings.push_back(fmt::format(
            "there are several restore points \"{}\"; the latest one, at LSN {}, was taken",
            request_.target.name, position.stop.ToString()));
        break;
    }
    KeepFromReadingAhead(path, position.last_segment, plan);
    plan.end_lsn = position.stop;
    plan.end_commit_us = position.last_commit_us;
    FinishPlan(path, position.last_segment + 1, plan);
    return plan;
}

Result<RestorePlan> PlanBuilder::PlanToEnd(const TimelinePath& path, const Backup& backup) const {
    const uint64_t first = backup.start_lsn() / map_.segment_size();
    const uint64_t end = path.segments.EndOfCoverage(first);
    AGRI_TRY(CheckEnd(path, end));
    RestorePlan plan = StartPlan(path, backup);
    if (auto hole = map_.HoleFrom(path, first)) {
        if (!hole->declared && hole->later_segments > kLookAheadSegments)
            return HoleBefore(path, backup);
        plan.warnings.push_back(fmt::format(
            "recovery ends before the end of the archive: {}, and {} later ones cannot be reached",
            hole->Describe(map_.segment_size()), hole->later_segments));
    }
    const uint64_t last = path.segments.LowerBound(end - 1);
    AGRI_ASSIGN(const auto index, source_.Index(path.segments.At(last)));
    AGRI_ASSIGN(const auto commit, LastCommitAtOrBefore(source_, path.segments, last));
    AGRI_TRY(CheckReadable(path, backup, end));
    const uint64_t last_end = index ? index->end_lsn() : 0;
    plan.end_lsn = Lsn{last_end != 0 ? last_end : end * map_.segment_size()};
    if (commit) plan.end_commit_us = commit->time_us;
    FinishPlan(path, end, plan);
    return plan;
}

}  // namespace agri::engine

// What stands in a plan's way: WAL that is missing, and WAL that cannot be read.
#include "engine/restore_plan.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Status;

std::string_view TargetNoun(TargetKind kind) {
    switch (kind) {
        case TargetKind::kTime:
            return "recovery target time";
        case TargetKind::kLsn:
            return "recovery target LSN";
        case TargetKind::kXid:
            return "recovery target transaction";
        case TargetKind::kName:
            return "recovery target name";
        default:
            return "recovery target";
    }
}

base::Error PlanBuilder::HoleBefore(const TimelinePath& path, const Backup& backup) const {
    const uint64_t first = backup.start_lsn() / map_.segment_size();
    auto hole = map_.HoleFrom(path, first);
    if (!hole)
        return MakeError(
            ErrorCode::kUnreachableTarget,
            "the archived WAL ends before the {}: segment {} is not there",
            TargetNoun(request_.target.kind),
            path.history.SegmentAt(path.segments.EndOfCoverage(first), map_.segment_size())
                .FileName(map_.segment_size()));
    return MakeError(ErrorCode::kUnreachableTarget, "WAL between backup {} and the {} is missing",
                     backup.backup_id(), TargetNoun(request_.target.kind))
        .WithDetail(fmt::format("The {}.", hole->Describe(map_.segment_size())))
        .WithHint(
            "If that WAL still exists, archive it with \"agri_backup wal-push\"; otherwise choose "
            "a target before it.");
}

std::optional<base::SegmentId> PlanBuilder::UnreadableFrom(const TimelinePath& path,
                                                           uint64_t number) const {
    for (const auto& [segment, problem] : map_.unreadable())
        if (segment.number >= number &&
            path.history.Includes(segment.timeline, segment.Start(map_.segment_size())))
            return segment;
    return std::nullopt;
}

Status PlanBuilder::CheckEnd(const TimelinePath& path, uint64_t end) const {
    const auto segment = UnreadableFrom(path, end);
    if (!segment || segment->number != end) return {};
    AGRI_ASSIGN(const wal::WalFacts facts,
                FactsOfSegment(source_, path.segments, path.segments.LowerBound(end - 1)));
    return MakeError(ErrorCode::kCorrupt,
                     "the unfinished WAL segment {}, with which recovery would end, cannot be read",
                     segment->FileName(map_.segment_size()))
        .WithDetail(map_.unreadable().at(*segment).ToString())
        .WithHint(fmt::format(
            "The server could not start. If the server that wrote it has its pg_wal still, save "
            "that with \"agri_backup wal-push\"; otherwise recover to the last record before it, "
            "with --target-lsn {}.",
            facts.last_record.ToString()));
}

// By recovery_prefetch the server fetches WAL before it knows that it stops earlier.
void PlanBuilder::KeepFromReadingAhead(const TimelinePath& path, uint64_t last_segment,
                                       RestorePlan& plan) const {
    const auto segment = UnreadableFrom(path, last_segment + 1);
    if (!segment || segment->number - last_segment > kLookAheadSegments) return;
    plan.reads_ahead = false;
    plan.warnings.push_back(fmt::format(
        "recovery_prefetch = off keeps the server from reading ahead into segment {}: reset it "
        "when the server has started (ALTER SYSTEM RESET recovery_prefetch)",
        segment->FileName(map_.segment_size())));
}

// Only damage that the search came upon is known here: the rest shows when recovery gets there.
Status PlanBuilder::CheckReadable(const TimelinePath& path, const Backup& backup,
                                  uint64_t end_number) const {
    const uint64_t first = backup.start_lsn() / map_.segment_size();
    for (DamagedSegment& found : source_.damage().On(path.segments, first, end_number)) {
        const std::string name = found.segment.FileName(map_.segment_size());
        return std::move(found.error)
            .In(fmt::format("recovery from backup {} to the {} needs WAL segment {}, which cannot "
                            "be read",
                            backup.backup_id(), TargetNoun(request_.target.kind), name))
            .WithHint(
                "Put back a sound copy of that object, or choose a target before it; a backup that "
                "ended behind it leads to later ones.");
    }
    return {};
}

void PlanBuilder::WarnOfDamage(const TimelinePath& path, RestorePlan& plan) const {
    for (const DamagedSegment& found : source_.damage().On(path.segments, 0, UINT64_MAX))
        plan.warnings.push_back(
            fmt::format("WAL segment {}, which this recovery does not need, cannot be read: {}",
                        found.segment.FileName(map_.segment_size()), found.error.message));
}

void PlanBuilder::TellOfDamage(const TimelinePath& path, base::Error& error) const {
    for (const DamagedSegment& found : source_.damage().On(path.segments, 0, UINT64_MAX))
        error.detail +=
            fmt::format("{}WAL segment {} cannot be read: {}.", error.detail.empty() ? "" : " ",
                        found.segment.FileName(map_.segment_size()), found.error.message);
}

}  // namespace agri::engine

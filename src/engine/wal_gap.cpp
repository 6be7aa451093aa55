#include "engine/wal_gap.hpp"

#include <algorithm>

#include "engine/report_wal.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::SegmentId;
using base::Status;
using base::TimelineId;

namespace {

struct Segments {
    uint64_t first = 0, end = 0;
};

Status CheckNotArchived(const TimelineReport& timeline, Segments lost, uint64_t size) {
    for (const repo::TimelineRange& range : timeline.ranges) {
        const uint64_t first = std::max(lost.first, range.from.value / size);
        const uint64_t end = std::min(lost.end, range.to.value / size);
        if (first >= end) continue;
        return MakeError(ErrorCode::kInvalidArgument, "WAL segment {} is archived, and not lost",
                         SegmentId{timeline.history.timeline(), first}.FileName(size))
            .WithDetail(
                fmt::format("Archived is {} to {}.", range.from.ToString(), range.to.ToString()))
            .WithHint("\"agri_backup info\" shows what is missing: declare no more than that.");
    }
    return {};
}

// Up to where WAL is known to exist: by what is archived, and by what backups and later timelines
// need.
Segments KnownWal(const TimelineReport& timeline, const std::vector<MissingWal>& missing,
                  uint64_t size) {
    Segments known{UINT64_MAX, 0};
    auto widen = [&](uint64_t first, uint64_t end) {
        known = {std::min(known.first, first), std::max(known.end, end)};
    };
    for (const auto& range : timeline.ranges) widen(range.from.value / size, range.to.value / size);
    for (const MissingWal& hole : missing)
        if (hole.timeline == timeline.history.timeline()) widen(hole.first, hole.end);
    return known;
}

Status CheckKnown(TimelineId timeline, Segments lost, Segments known, uint64_t size) {
    if (lost.first >= known.first && lost.end <= known.end) return {};
    return MakeError(ErrorCode::kInvalidArgument, "WAL from {} to {} of timeline {} is not missing",
                     Lsn{lost.first * size}.ToString(), Lsn{lost.end * size}.ToString(),
                     timeline.value)
        .WithDetail(fmt::format("What is known of that timeline is {} to {}.",
                                Lsn{known.first * size}.ToString(),
                                Lsn{known.end * size}.ToString()))
        .WithHint("\"agri_backup info\" shows what is missing: declare no more than that.");
}

bool IsBlank(const std::string& text) {
    return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

}  // namespace

Status DeclareGap(const repo::Incarnation& incarnation, const repo::format::DeclaredGap& gap) {
    if (IsBlank(gap.reason()))
        return base::Error(ErrorCode::kInvalidArgument, "a gap is declared without a reason")
            .WithHint("Say in --reason why the WAL is lost, for whoever reads it later.");
    repo::WalArchive archive(incarnation);
    const uint64_t size = incarnation.info().wal_segment_size();
    const Segments lost{gap.from_lsn() / size, (gap.to_lsn() + size - 1) / size};
    // An earlier declaration that cannot be read leaves its WAL missing: it may be declared again.
    ObjectProblems unreadable;
    AGRI_ASSIGN(const auto timelines, LoadTimelines(incarnation, unreadable));
    const auto timeline = std::find_if(timelines.begin(), timelines.end(), [&](const auto& report) {
        return report.history.timeline().value == gap.timeline();
    });
    if (timeline == timelines.end())
        return MakeError(ErrorCode::kInvalidArgument, "the archive knows of no timeline {}",
                         gap.timeline())
            .WithHint("\"agri_backup info\" shows the timelines, and what is missing of them.");
    const bool is_declared =
        std::any_of(timeline->gaps.begin(), timeline->gaps.end(),
                    [&](const auto& there) { return there.from_lsn() == gap.from_lsn(); });
    if (!is_declared) {
        AGRI_ASSIGN(const auto backups, repo::ListBackups(incarnation));
        AGRI_TRY(CheckNotArchived(*timeline, lost, size));
        AGRI_TRY(CheckKnown(timeline->history.timeline(), lost,
                            KnownWal(*timeline, FindMissingWal(timelines, backups, size), size),
                            size));
    }
    return archive.DeclareGap(gap);
}

}  // namespace agri::engine

#include "engine/recovery_window.hpp"

#include <algorithm>

#include "engine/target_search.hpp"

namespace agri::engine {

using base::Lsn;
using base::Result;

bool HasOwnWal(const repo::format::ManifestHeader& backup, const SegmentPath& path,
               uint64_t segment_size) {
    const uint64_t end = path.EndOfCoverage(backup.start_lsn() / segment_size);
    return backup.stop_lsn() <= end * segment_size;
}

namespace {

// The last segment that recovery from the backup reaches, with its index: recovery ends before a
// damaged one. Only damage at the end is seen, the rest is for `verify` to read. nullopt: not even
// the backup's own WAL can be read.
struct LastSegment {
    uint64_t index = 0;  // in the path
    repo::format::WalIndex wal;
};
Result<std::optional<LastSegment>> FindLastReadable(const repo::format::ManifestHeader& backup,
                                                    const SegmentPath& path,
                                                    const SegmentSource& source) {
    const uint64_t size = source.segment_size();
    const uint64_t first = backup.start_lsn() / size;
    for (uint64_t end = path.EndOfCoverage(first); end > first && end * size >= backup.stop_lsn();
         --end) {
        const uint64_t index = path.LowerBound(end - 1);
        AGRI_ASSIGN(auto wal, source.Index(path.At(index)));
        if (wal) return std::optional(LastSegment{index, std::move(*wal)});
    }
    return std::optional<LastSegment>();
}

Result<std::optional<RecoveryWindow>> MakeWindow(const repo::format::ManifestHeader& backup,
                                                 const TimelinePath& path,
                                                 const SegmentSource& source) {
    AGRI_ASSIGN(const auto last, FindLastReadable(backup, path.segments, source));
    if (!last) return std::optional<RecoveryWindow>();
    const uint64_t end = path.segments.At(last->index).number + 1;
    RecoveryWindow window;
    window.timeline = path.history.timeline();
    window.first_backup = backup.backup_id();
    window.from_lsn = Lsn{backup.stop_lsn()};
    window.from_us = backup.stop_us();
    const uint64_t last_end = last->wal.end_lsn();
    window.to_lsn = Lsn{last_end != 0 ? last_end : end * source.segment_size()};
    AGRI_ASSIGN(auto commit, LastCommitAtOrBefore(source, path.segments, last->index));
    // Without a commit since the backup, its end is the last moment that is known.
    if (commit) window.to_us = std::max(commit->time_us, window.from_us);
    return std::optional(std::move(window));
}

std::string FormatMoment(Lsn lsn, int64_t time_us) {
    if (time_us == 0) return fmt::format("LSN {}", lsn.ToString());
    return fmt::format("{} (LSN {})", FormatMicroseconds(time_us), lsn.ToString());
}

std::string FormatWindow(const RecoveryWindow& window) {
    return fmt::format("from {}, backup {}, to {}", FormatMoment(window.from_lsn, window.from_us),
                       window.first_backup, FormatMoment(window.to_lsn, window.to_us));
}

// Negative: the window lies before the target; positive: behind it; 0: unknown or around it.
int SideOf(const RecoveryWindow& window, const RecoveryTarget& target) {
    if (target.kind == TargetKind::kTime) {
        const int64_t wanted = target.time.time_since_epoch().count();
        return window.to_us < wanted ? -1 : window.from_us > wanted ? 1 : 0;
    }
    if (target.kind == TargetKind::kLsn)
        return window.to_lsn < target.lsn ? -1 : window.from_lsn > target.lsn ? 1 : 0;
    return 0;
}

}  // namespace

Result<std::vector<RecoveryWindow>> WindowsOn(const ArchiveMap& map, const TimelinePath& path,
                                              const SegmentSource& source) {
    std::vector<RecoveryWindow> windows;
    uint64_t covered_to = 0;  // segment number at which the last window ends
    for (const auto* backup : map.BackupsOn(path.history)) {
        if (!HasOwnWal(*backup, path.segments, map.segment_size())) continue;
        const uint64_t end = path.segments.EndOfCoverage(backup->start_lsn() / map.segment_size());
        if (!windows.empty() && end == covered_to) continue;
        covered_to = end;
        AGRI_ASSIGN(auto window, MakeWindow(*backup, path, source));
        if (window) windows.push_back(std::move(*window));
    }
    return windows;
}

std::string DescribeNearest(const std::vector<RecoveryWindow>& windows,
                            const RecoveryTarget& target, base::TimelineId timeline) {
    if (windows.empty())
        return fmt::format("On timeline {} there is no backup with the WAL that it needs.",
                           timeline.value);
    const RecoveryWindow* before = nullptr;
    const RecoveryWindow* behind = nullptr;
    for (const RecoveryWindow& window : windows) {
        if (SideOf(window, target) <= 0) before = &window;
        if (SideOf(window, target) >= 0 && behind == nullptr) behind = &window;
    }
    std::string text = fmt::format("On timeline {}, recovery reaches the moments ", timeline.value);
    if (before != nullptr) text += FormatWindow(*before);
    if (behind != nullptr && behind != before)
        text += (before != nullptr ? ", and " : "") + FormatWindow(*behind);
    return text + ".";
}

}  // namespace agri::engine

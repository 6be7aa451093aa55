#include "engine/wal_wait.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "engine/archived_wal_check.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::SegmentId;
using base::Status;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};

base::Error TimedOut(const SegmentId& missing, uint64_t last_number, const WalNeed& need,
                     std::chrono::seconds timeout) {
    const uint64_t count = last_number - missing.number + 1;
    base::Error error =
        MakeError(ErrorCode::kClusterState,
                  "WAL segment \"{}\" was not archived within {} s of the backup's end",
                  missing.FileName(need.segment_size), timeout.count());
    error.detail = fmt::format(
        "The backup needs WAL from {} to {}; up to {} of its segments are missing in the "
        "repository. "
        "The backup was not completed.",
        need.start.ToString(), need.stop.ToString(), count);
    error.hint =
        need.from_standby
            ? "Check that the primary archives into this repository, and that it is not idle: "
              "pg_switch_wal() on the primary completes its current segment."
            : "Check archive_mode and archive_library (or archive_command), agri_backup.status and "
              "pg_stat_archiver, and the server's log for what archiving fails with.";
    return error;
}

}  // namespace

Status WaitForWal(const repo::Incarnation& incarnation, const WalNeed& need,
                  std::chrono::seconds timeout, const std::function<Status()>& go_on,
                  const Context& context) {
    context.progress.SetPhase("waiting for WAL");
    const repo::WalArchive archive(incarnation);
    const base::MonotonicTime deadline = context.clock.Monotonic() + timeout;
    uint64_t next = need.start.value / need.segment_size;
    // The stop point is exclusive: at a boundary, the segment behind it is not needed.
    const uint64_t last = (std::max(need.stop, need.start).value - 1) / need.segment_size;
    milliseconds pause = kFirstPause;
    while (next <= last) {
        AGRI_TRY(go_on());
        const SegmentId segment = need.history.SegmentAt(next, need.segment_size);
        const auto name = base::WalFileName::Parse(segment.FileName(need.segment_size));
        AGRI_ASSIGN(bool is_there, archive.Exists(*name));
        if (is_there) {
            // Whoever put it may have died before it was durable.
            AGRI_TRY(
                incarnation.repository().storage().EnsureDurable(incarnation.keys().Wal(*name)));
            AGRI_TRY(CheckArchivedSegment({incarnation, need.data_directory, need.stop}, segment));
            ++next;
            pause = kFirstPause;
            continue;
        }
        if (context.clock.Monotonic() >= deadline) return TimedOut(segment, last, need, timeout);
        AGRI_TRY(context.cancel.WaitFor(pause));
        pause = std::min(pause * 2, kLongestPause);
    }
    return {};
}

base::Result<std::string> ReadTimelineHistory(const HistorySource& source,
                                              base::TimelineId timeline) {
    if (timeline.value <= 1) return std::string();
    const std::string path =
        fmt::format("{}/pg_wal/{}.history", source.data_directory, timeline.ToString());
    AGRI_ASSIGN(const auto local, base::ReadFileIfPresent(path, wal::kMaxHistoryBytes));
    if (local) return std::string(base::AsText(*local));
    auto archived = repo::WalArchive(source.incarnation).ReadHistory(timeline);
    if (archived || archived.error().code != ErrorCode::kNotFound) return archived;
    source.log.warn("the history file of timeline {} is neither in pg_wal nor in the archive",
                    timeline.value);
    return std::string();
}

}  // namespace agri::engine

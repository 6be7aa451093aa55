// Timeline history files (NNNNNNNN.history; readTimeLineHistory and writeTimeLineHistory of
// PostgreSQL's src/backend/access/transam/timeline.c): the path from timeline 1 to a timeline.
// Invariant: timelines and switch points ascend strictly along the path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/lsn.hpp"

namespace agri::wal {

// No history file is larger: far more lines than timelines can be.
inline constexpr uint64_t kMaxHistoryBytes = 16u << 20;

// One line of a history file: an ancestor and where the path leaves it.
struct HistoryEntry {
    base::TimelineId timeline;
    base::Lsn switch_point;  // first address that is no longer on this timeline
    std::string reason;      // free text, may be empty
};

class TimelineHistory {
   public:
    // Timeline without ancestors: 1, or one whose history file does not exist.
    explicit TimelineHistory(base::TimelineId timeline) : timeline_(timeline) {}

    // Parses the history file of `timeline`. Comments (#) and empty lines are skipped. kCorrupt,
    // with the line's number, for anything the server would refuse and for switch points that
    // descend.
    static base::Result<TimelineHistory> Parse(base::TimelineId timeline, std::string_view text);

    // The history of a child that branches off this timeline at `switch_point`.
    // kInvalidArgument when the child's number or the point does not lie behind the path so far.
    base::Result<TimelineHistory> Branch(base::TimelineId child, base::Lsn switch_point,
                                         std::string_view reason) const;

    // The file's text, as the server writes it; empty for a timeline without ancestors.
    std::string Format() const;

    base::TimelineId timeline() const { return timeline_; }
    // Oldest first.
    const std::vector<HistoryEntry>& ancestors() const { return ancestors_; }
    bool Contains(base::TimelineId timeline) const;

    // The timeline that holds the byte at `lsn` on this path (tliOfPointInHistory).
    base::TimelineId TimelineAt(base::Lsn lsn) const;
    // The file that holds segment `number` on this path: of the newest timeline that has bytes in
    // it, because the segment of a switch is the new timeline's copy.
    base::SegmentId SegmentAt(uint64_t number, uint64_t segment_size_bytes) const;
    // Where the path leaves `timeline`: nullopt when it is not on the path, or is its last.
    std::optional<base::Lsn> BranchPointOf(base::TimelineId timeline) const;
    // Where `timeline` begins on this path (0/0 for the first); nullopt when it is not on the path.
    std::optional<base::Lsn> BeginOf(base::TimelineId timeline) const;
    // Whether `lsn` on `timeline` lies on this path: a backup ending there can be recovered along
    // it. A point exactly at the switch still counts.
    bool Includes(base::TimelineId timeline, base::Lsn lsn) const;

   private:
    base::TimelineId timeline_;
    std::vector<HistoryEntry> ancestors_;
};

}  // namespace agri::wal

// The archived segments along one timeline path, told from names alone: which file holds which
// stretch of WAL, and where a hole is. Positions in it are what the target searches bisect.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/lsn.hpp"
#include "repo/wal_archive.hpp"
#include "wal/history_file.hpp"

namespace agri::engine {

// Segments of one timeline that follow one another.
struct SegmentRun {
    base::SegmentId first;
    uint64_t count = 0;

    uint64_t end_number() const { return first.number + count; }
};

// Ascending by segment number, no number twice. Immutable.
class SegmentPath {
   public:
    SegmentPath() = default;
    explicit SegmentPath(std::vector<SegmentRun> runs);

    const std::vector<SegmentRun>& runs() const { return runs_; }
    // How many segments are present.
    uint64_t size() const { return size_; }
    // The index-th present segment; index < size().
    base::SegmentId At(uint64_t index) const;
    // Index of the first present segment with this number or a later one; size() when none is.
    uint64_t LowerBound(uint64_t number) const;
    // The first missing number at or after `number`.
    uint64_t EndOfCoverage(uint64_t number) const;
    // The first present number at or after `number`; nullopt when none is.
    std::optional<uint64_t> NextPresent(uint64_t number) const;
    // Number of the last present segment; 0 when there is none.
    uint64_t last_number() const;

   private:
    std::vector<SegmentRun> runs_;
    std::vector<uint64_t> before_;  // segments before each run
    uint64_t size_ = 0;
};

// Ranges of archived segments by timeline.
using TimelineRanges = std::map<base::TimelineId, std::vector<repo::TimelineRange>>;

// The path of `history` through the archived segments from number `first` on. Where two timelines
// hold the same segment, the newer one's file counts, as XLogFileReadAnyTLI() of PostgreSQL's
// src/backend/access/transam/xlogrecovery.c reads it.
SegmentPath BuildSegmentPath(const wal::TimelineHistory& history, const TimelineRanges& ranges,
                             uint64_t first, uint64_t segment_size);

}  // namespace agri::engine

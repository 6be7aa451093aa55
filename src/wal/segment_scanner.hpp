// Reads one whole WAL segment on its own, so that segments can be scanned in parallel, and joins
// the one record that crosses from a segment into the next (Stitch). Each record counts only after
// its CRC, its back link and every page header under it were checked, as PostgreSQL's
// src/backend/access/transam/xlogreader.c does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/lsn.hpp"
#include "wal/facts.hpp"
#include "wal/page.hpp"
#include "wal/record.hpp"

namespace agri::wal {

enum class HeadState {
    kNone,       // the segment starts with a record of its own
    kWhole,      // the record ends here
    kContinues,  // it covers the whole segment and goes on in the next
    kAbandoned,  // crash recovery gave it up at a later page of this segment
    kBroken,     // its bytes stop before its end: the segment's end says why
};

// The bytes at a segment's start that belong to a record begun in an earlier segment.
struct HeadFragment {
    HeadState state = HeadState::kNone;
    base::Bytes bytes;             // page headers stripped
    uint32_t remaining_bytes = 0;  // what the record needs from the segment's start (xlp_rem_len)
    base::Lsn end;                 // end of the record, for kWhole
};

// A record that began and has not ended yet.
struct OpenRecord {
    base::Lsn start;
    base::TimelineId timeline;
    uint32_t total_bytes = 0;
    base::Bytes bytes;  // its beginning, page headers stripped; at least 8 bytes
};

enum class ScanEndKind {
    kComplete,   // records, or one that goes on in the next segment, reach the segment's end
    kSwitched,   // ended by XLOG_SWITCH: the rest is padding
    kEndsEarly,  // an invalid or unwritten record comes before the end: normal for a .partial file,
                 // for the unfinished segment and for what a crash left; damage anywhere else
};

struct ScanEnd {
    ScanEndKind kind = ScanEndKind::kComplete;
    // Where reading stopped: the segment's end, or where the first unusable record would begin.
    base::Lsn lsn;
    // Why, for kEndsEarly; empty otherwise. Worded for a DETAIL, after xlogreader.c.
    std::string reason;
    // For kEndsEarly: all bytes from `lsn` on (page headers apart) are zero, that is, never
    // written. False proves no damage: a recycled segment holds old WAL there, and the server fills
    // a new timeline's first segment with leftovers of its copying buffer (XLogFileCopy).
    bool rest_is_zero = false;
};

struct SegmentScan {
    SegmentHeader header;
    HeadFragment head;
    std::optional<OpenRecord> tail;
    // Of the records that lie in this segment whole; Stitch() adds the one that ends in its head.
    WalFacts facts;
    // Back link of the first whole record here; invalid when there is none.
    base::Lsn first_record_previous;
    // Highest timeline among the pages read.
    base::TimelineId last_timeline;
    ScanEnd end;
};

struct ScanOptions {
    // Checked against the header when set.
    std::optional<SegmentIdentity> identity;
    // Sees the records that lie in the segment whole, in order; not owned, may be null.
    RecordVisitor* visitor = nullptr;
};

// Scans a segment held in memory. The view may be shorter than the segment (the end is then
// kEndsEarly) but not longer. Errors are ReadSegmentHeader's and CheckSegmentIdentity's: whatever
// is wrong behind the first page header is not an error but the scan's end.
// Thread-safe; allocates only for the fragments and facts.
base::Result<SegmentScan> ScanSegment(base::ByteView segment, const ScanOptions& options = {});

// What a segment leaves to the next one. Default: nothing is known of what came before.
struct SegmentCarry {
    std::optional<OpenRecord> open;
    // Start of the last record that ended before here; invalid: not known.
    base::Lsn last_record;
    // Where the next segment must begin; invalid: not known.
    base::Lsn next_segment;
};

enum class StitchState {
    kNothing,    // no record crosses the boundary
    kCompleted,  // the crossing record ended here; its facts are now in scan.facts
    kContinues,  // it goes on in the next segment
    kAbandoned,  // crash recovery gave it up (OVERWRITE_CONTRECORD): it has no effect
    kUnknown,    // a record ends here whose beginning the caller did not supply
    kBroken,     // the segments do not fit together, or the joined record is damaged
};

struct StitchResult {
    StitchState state = StitchState::kNothing;
    std::string reason;  // for kBroken
};

// Joins `scan` to the segments before it, to be called in WAL order: completes the record that ends
// in its head, adds that record's facts in front of scan.facts, and sets `carry` to what `scan`
// leaves to the next segment, whatever the result. `visitor` (not owned, may be null) sees the
// completed record; it is earlier than every record that ScanSegment's visitor saw in this segment.
// Follow the timeline: the segment in which a timeline begins is the new timeline's copy.
StitchResult Stitch(SegmentCarry& carry, SegmentScan& scan, RecordVisitor* visitor = nullptr);

}  // namespace agri::wal

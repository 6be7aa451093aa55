// What a segment's scan says, as the index of its WAL object: the part of the WAL that restores and
// listings ask for without decoding it again.
#pragma once

#include "repo/wal_archive.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::engine {

struct ScannedSegment {
    const wal::SegmentScan& scan;
    const wal::StitchResult& stitched;
    const wal::SegmentCarry& carry;  // after the segment
    base::Lsn first_record;          // that begins in the segment; invalid when none does
    base::WalFileKind kind = base::WalFileKind::kSegment;
};

// Fills everything that is read out of the WAL. A file that ends early is a problem unless it is a
// partial one.
void SetWalFacts(const ScannedSegment& segment, repo::format::WalIndex& index);

// Whether the records of an archived segment can be read up to there, as far as its index tells.
bool IsReadableUpTo(const repo::format::WalIndex& index, base::Lsn lsn);

}  // namespace agri::engine

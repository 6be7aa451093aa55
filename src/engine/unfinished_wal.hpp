// The last segment of a timeline, which its server had not filled when it stopped, as recovery may
// have it: zeros behind its end, and nothing past the point where an archived timeline branches
// off.
#pragma once

#include <optional>
#include <vector>

#include "repo/wal_archive.hpp"
#include "repo/wal_tail.hpp"

namespace agri::engine {

struct UnfinishedSegment {
    base::Bytes content;  // the segment's size
    base::Lsn end;        // of what is known of it
};

// Thread-safe. The incarnation must outlive it.
class UnfinishedWal {
   public:
    explicit UnfinishedWal(const repo::Incarnation& incarnation)
        : incarnation_(&incarnation), archive_(incarnation), tail_(incarnation) {}

    // Out of the tail or a .partial file, whichever reaches further; nullopt when neither is there
    // or all of it lies behind a branch point. The archived segment goes before: it is the caller's
    // to look for.
    base::Result<std::optional<UnfinishedSegment>> Read(base::SegmentId segment) const;
    // The segments that the tail or `partials` (WalSurvey) may hold, ascending.
    base::Result<std::vector<base::SegmentId>> Candidates(
        std::vector<base::SegmentId> partials) const;
    // Where a candidate stands: its .partial file, or the tail's folder.
    std::string KeyOf(base::SegmentId segment, const std::vector<base::SegmentId>& partials) const;

   private:
    base::WalFileName PartialName(base::SegmentId segment) const;
    base::Result<base::Bytes> ReadPartial(base::SegmentId segment) const;
    base::Result<base::Lsn> BranchPoint(base::SegmentId segment) const;
    uint64_t SegmentSize() const { return incarnation_->info().wal_segment_size(); }

    const repo::Incarnation* incarnation_;
    repo::WalArchive archive_;
    repo::WalTail tail_;
};

// How much of a segment's bytes is WAL: up to the end of its last valid record.
base::Result<size_t> LengthOfWal(base::ByteView segment, uint64_t start_lsn);

}  // namespace agri::engine

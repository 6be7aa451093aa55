// Reads archived segments of a path for the target searches: their indexes, and, where only the
// records themselves can tell, their content.
#pragma once

#include "engine/context.hpp"
#include "engine/segment_damage.hpp"
#include "engine/segment_path.hpp"
#include "engine/unfinished_wal.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::engine {

// Thread-safe; the incarnation and the context must outlive it.
class SegmentSource {
   public:
    SegmentSource(const repo::Incarnation& incarnation, const Context& context)
        : archive_(incarnation),
          unfinished_(incarnation),
          segment_size_(incarnation.info().wal_segment_size()),
          context_(context) {}

    // Of an archived segment, or of the unfinished one that a stopped server left; nullopt, and
    // noted in damage(), when the object is damaged or not of this repository.
    base::Result<std::optional<repo::format::WalIndex>> Index(base::SegmentId segment) const;
    base::Result<std::optional<base::Bytes>> Content(base::SegmentId segment) const;
    const SegmentDamage& damage() const { return damage_; }
    base::WalFileName NameOf(base::SegmentId segment) const;
    uint64_t segment_size() const { return segment_size_; }
    const repo::WalArchive& archive() const { return archive_; }

   private:
    base::Result<repo::format::WalIndex> IndexOf(const UnfinishedSegment& unfinished,
                                                 base::SegmentId segment) const;
    base::Result<repo::format::WalIndex> ReadIndex(base::SegmentId segment) const;
    base::Result<base::Bytes> ReadContent(base::SegmentId segment) const;

    repo::WalArchive archive_;
    UnfinishedWal unfinished_;
    uint64_t segment_size_;
    const Context& context_;
    mutable SegmentDamage damage_;
};

// Feeds the records of consecutive segments to a visitor in WAL order, those that cross from one
// segment into the next included. The record that ends in the very first segment's head is unknown.
class RecordWalk {
   public:
    RecordWalk(const SegmentSource& source, wal::RecordVisitor& visitor)
        : source_(source), visitor_(visitor) {}
    // The next segment; a number that does not follow the last one begins anew, and so does the one
    // behind a damaged segment, which has no records.
    base::Status Visit(base::SegmentId segment);
    // Facts of the segment visited last.
    const wal::SegmentScan& last_scan() const { return scan_; }

   private:
    const SegmentSource& source_;
    wal::RecordVisitor& visitor_;
    wal::SegmentCarry carry_;
    wal::SegmentScan scan_;
    std::optional<uint64_t> last_number_;
};

// What an index says for a bisection over segments; kSilent: nothing, ask its neighbour.
enum class IndexVerdict { kSilent, kBefore, kAtOrBeyond };

// Index of the first segment whose verdict is kAtOrBeyond, when verdicts ascend along the path;
// size() when none is. Damaged segments are silent.
base::Result<uint64_t> FirstAtOrBeyond(
    const SegmentSource& source, const SegmentPath& path,
    const std::function<IndexVerdict(const repo::format::WalIndex&)>& judge);

// The last commit that the readable indexes at or before `index` of the path tell of; nullopt when
// none of them has one.
struct CommitMoment {
    base::SegmentId segment;
    int64_t time_us = 0;
};
base::Result<std::optional<CommitMoment>> LastCommitAtOrBefore(const SegmentSource& source,
                                                               const SegmentPath& path,
                                                               uint64_t index);

}  // namespace agri::engine

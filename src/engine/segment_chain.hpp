// Hands what a WAL segment leaves open (a record that goes on in the next one) from each segment's
// scan to the next's, while several segments are scanned at once and in any order.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "repo/wal_archive.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::engine {

// Thread-safe. The archive must outlive it.
class SegmentChain {
   public:
    SegmentChain(const repo::WalArchive& archive, uint64_t segment_size)
        : archive_(archive), segment_size_(segment_size) {}

    // Says that a segment is being scanned here, so that its successor waits for it. Whoever holds
    // the announcement must not wait for memory any more. Publish, or destruction without it
    // ("unknown"), lets the successor go on.
    class Announcement {
       public:
        Announcement(SegmentChain& chain, base::SegmentId segment);
        ~Announcement();
        Announcement(const Announcement&) = delete;
        Announcement& operator=(const Announcement&) = delete;
        void Publish(const wal::SegmentCarry& carry);

       private:
        SegmentChain& chain_;
        const base::SegmentId segment_;
        bool is_published_ = false;
    };

    struct Lookup {
        base::SegmentId segment;    // whose legacy is wanted
        const std::string& folder;  // where its file may be
        const base::CancelToken& cancel;
    };
    // What `segment` leaves open: from its scan here (waiting when that is under way), from its
    // file in the folder, from the archive. nullopt when none of them knows.
    base::Result<std::optional<wal::SegmentCarry>> CarryOf(const Lookup& lookup);

   private:
    struct Entry {
        bool is_known = false;
        std::optional<wal::SegmentCarry> carry;
    };
    void Settle(base::SegmentId segment, std::optional<wal::SegmentCarry> carry);
    base::Result<std::optional<wal::SegmentCarry>> FromScans(const Lookup& lookup);
    base::Result<std::optional<wal::SegmentCarry>> FromFolder(const Lookup& lookup);
    std::optional<wal::SegmentScan> ScanFile(const Lookup& lookup);
    base::Result<std::optional<wal::SegmentCarry>> FromArchive(base::SegmentId segment) const;

    const repo::WalArchive& archive_;
    const uint64_t segment_size_;
    std::mutex mutex_;
    std::condition_variable settled_;
    std::map<base::SegmentId, Entry> entries_;
    std::deque<base::SegmentId> recent_;  // settled ones, oldest first
    std::mutex file_mutex_;               // one predecessor's file in memory at a time
};

// Whether what the stitched segment leaves open is known: not when it is damaged, nor when a record
// of unknown beginning covers all of it.
bool KnowsItsEnd(const wal::SegmentScan& scan, const wal::StitchResult& stitched);

// Timelines on which the segment before `header`'s may stand: the file's own, and the parent that
// the first page is of.
std::vector<base::SegmentId> PredecessorsOf(base::SegmentId segment,
                                            const wal::SegmentHeader& header);

}  // namespace agri::engine

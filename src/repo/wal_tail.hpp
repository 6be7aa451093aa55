// The tail: the beginning of a segment that its server had not filled when it stopped
// (docs/repository-format.md, "Tail"). Every ship is an epoch of its own; the highest whose claim
// is on record counts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "repo/repository.hpp"

namespace agri::repo {

struct TailPart {
    base::SegmentId segment;
    base::Bytes content;  // from the segment's start
    uint64_t epoch = 0;
    std::string host;
    int64_t shipped_us = 0;
    std::vector<std::string> keys;  // of its pieces
};

// Thread-safe. The incarnation must outlive it.
class WalTail {
   public:
    explicit WalTail(const Incarnation& incarnation) : incarnation_(&incarnation) {}

    struct Shipment {
        base::SegmentId segment;
        base::ByteView content;     // the segment's bytes from its start to the last record's end
        uint64_t writer_epoch = 0;  // of the claim in whose name it is shipped; 0: there is none
        std::string host;
        // Whether other content may take the place of what was shipped before: only for the server
        // itself, whose crash recovery may have rewritten it.
        bool supersedes = false;
        int compression_level = 1;
    };
    // Durable on return. kExists when all of it was shipped before; kConflict when other bytes were
    // and it does not supersede them, or when the claim is no longer in force.
    base::Result<storage::PutOutcome> Ship(const Shipment& shipment,
                                           const base::Clock& clock) const;
    // What counts for the segment; nullopt when nothing was shipped.
    base::Result<std::optional<TailPart>> Read(base::SegmentId segment) const;
    // Segments of which something was shipped, ascending. By names alone.
    base::Result<std::vector<base::SegmentId>> Segments() const;

   private:
    base::Result<std::optional<TailPart>> ReadEpoch(uint64_t epoch, base::SegmentId segment) const;
    base::Result<bool> IsClaimOnRecord(uint64_t epoch) const;
    base::Result<uint64_t> BeginEpoch(const Shipment& shipment, const base::Clock& clock) const;
    base::Result<storage::PutOutcome> PutPiece(const Shipment& shipment, uint64_t epoch,
                                               const base::Clock& clock) const;
    base::Status MakeDurable(const TailPart& part) const;
    base::Status RemoveArchived(uint64_t below_epoch) const;
    uint64_t SegmentSize() const { return incarnation_->info().wal_segment_size(); }

    const Incarnation* incarnation_;
};

}  // namespace agri::repo

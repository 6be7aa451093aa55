// Waits only ever lead to lower segments, and nobody waits while holding the file mutex: no cycle.
#include "engine/segment_chain.hpp"

#include "base/file.hpp"

namespace agri::engine {

using base::Result;
using base::SegmentId;
using wal::SegmentCarry;

namespace {

using MaybeCarry = std::optional<SegmentCarry>;

constexpr size_t kRecentSegments = 64;
// Larger beginnings of records are not kept; the file or the archive has them.
constexpr size_t kKeptFragmentBytes = 256u << 10;
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

bool KnowsItsEnd(const wal::SegmentScan& scan, const wal::StitchResult& stitched) {
    if (scan.end.kind == wal::ScanEndKind::kEndsEarly) return false;
    return scan.head.state != wal::HeadState::kContinues ||
           stitched.state == wal::StitchState::kContinues;
}

std::vector<SegmentId> PredecessorsOf(SegmentId segment, const wal::SegmentHeader& header) {
    if (segment.number == 0) return {};
    std::vector<SegmentId> found{{segment.timeline, segment.number - 1}};
    if (header.timeline != segment.timeline) found.push_back({header.timeline, segment.number - 1});
    return found;
}

SegmentChain::Announcement::Announcement(SegmentChain& chain, SegmentId segment)
    : chain_(chain), segment_(segment) {
    std::lock_guard lock(chain_.mutex_);
    chain_.entries_[segment_].is_known = false;
}

SegmentChain::Announcement::~Announcement() {
    if (!is_published_) chain_.Settle(segment_, std::nullopt);
}

void SegmentChain::Announcement::Publish(const SegmentCarry& carry) {
    is_published_ = true;
    const bool is_large = carry.open && carry.open->bytes.size() > kKeptFragmentBytes;
    chain_.Settle(segment_, is_large ? MaybeCarry() : MaybeCarry(carry));
}

void SegmentChain::Settle(SegmentId segment, MaybeCarry carry) {
    std::lock_guard lock(mutex_);
    entries_[segment] = {true, std::move(carry)};
    recent_.push_back(segment);
    while (recent_.size() > kRecentSegments) {
        // One that is being scanned again meanwhile stays until it settles.
        auto oldest = entries_.find(recent_.front());
        if (oldest != entries_.end() && oldest->second.is_known) entries_.erase(oldest);
        recent_.pop_front();
    }
    settled_.notify_all();
}

Result<MaybeCarry> SegmentChain::CarryOf(const Lookup& lookup) {
    AGRI_ASSIGN(MaybeCarry carry, FromScans(lookup));
    if (carry) return carry;
    AGRI_ASSIGN(carry, FromFolder(lookup));
    if (carry) return carry;
    return FromArchive(lookup.segment);
}

Result<MaybeCarry> SegmentChain::FromScans(const Lookup& lookup) {
    std::unique_lock lock(mutex_);
    while (true) {
        auto entry = entries_.find(lookup.segment);
        if (entry == entries_.end()) return MaybeCarry();
        if (entry->second.is_known) return entry->second.carry;
        AGRI_TRY(lookup.cancel.Check());
        settled_.wait_for(lock, kLook);
    }
}

// The scan of its file, if that is in the folder and really that segment.
std::optional<wal::SegmentScan> SegmentChain::ScanFile(const Lookup& lookup) {
    std::lock_guard lock(file_mutex_);
    const std::string path = lookup.folder + "/" + lookup.segment.FileName(segment_size_);
    auto content = base::ReadWholeFile(path, segment_size_);
    if (!content || content->size() != segment_size_) return std::nullopt;
    wal::ScanOptions options;
    options.identity = wal::SegmentIdentity{0, lookup.segment, segment_size_};
    auto scan = wal::ScanSegment(*content, options);
    if (!scan || scan->end.kind == wal::ScanEndKind::kEndsEarly) return std::nullopt;
    return std::move(*scan);
}

Result<MaybeCarry> SegmentChain::FromFolder(const Lookup& lookup) {
    std::optional<wal::SegmentScan> scan = ScanFile(lookup);
    if (!scan) return MaybeCarry();
    SegmentCarry carry;
    // A record that covers the whole segment began even earlier.
    if (scan->head.state == wal::HeadState::kContinues) {
        for (SegmentId before : PredecessorsOf(lookup.segment, scan->header)) {
            AGRI_ASSIGN(MaybeCarry earlier, CarryOf({before, lookup.folder, lookup.cancel}));
            if (!earlier) continue;
            carry = std::move(*earlier);
            break;
        }
    }
    const wal::StitchResult stitched = wal::Stitch(carry, *scan);
    if (!KnowsItsEnd(*scan, stitched)) return MaybeCarry();
    return MaybeCarry(std::move(carry));
}

Result<MaybeCarry> SegmentChain::FromArchive(SegmentId segment) const {
    auto index = archive_.ReadIndex(*base::WalFileName::Parse(segment.FileName(segment_size_)));
    if (!index) {
        // Absent or damaged: then nothing is known, and verifying tells about the damage.
        const base::ErrorCode code = index.error().code;
        if (code == base::ErrorCode::kNotFound || code == base::ErrorCode::kCorrupt)
            return MaybeCarry();
        return std::move(index).error();
    }
    const bool has_no_end = index->head_unknown() && index->end_lsn() == 0;
    if (has_no_end || !index->scan_problem().empty()) return MaybeCarry();
    SegmentCarry carry;
    carry.next_segment = segment.End(segment_size_);
    if (index->tail_record_lsn() == 0) return MaybeCarry(std::move(carry));
    if (index->tail_fragment().empty()) return MaybeCarry();
    wal::OpenRecord& open = carry.open.emplace();
    open.start = base::Lsn{index->tail_record_lsn()};
    open.timeline = segment.timeline;
    open.total_bytes = static_cast<uint32_t>(index->tail_record_length());
    const base::ByteView fragment = base::AsBytes(index->tail_fragment());
    open.bytes.assign(fragment.begin(), fragment.end());
    return MaybeCarry(std::move(carry));
}

}  // namespace agri::engine

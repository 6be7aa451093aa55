#include "wal/segment_scanner.hpp"

#include <algorithm>
#include <array>

#include "codec/digest.hpp"
#include "wal/page_walker.hpp"
#include "wal/record_check.hpp"
#include "wal/record_kinds.hpp"
#include "wal/record_parts.hpp"

namespace agri::wal {
namespace {

using base::ByteView;
using base::ErrorCode;
using base::Lsn;
using base::MakeError;


class Scanner {
   public:
    Scanner(ByteView segment, SegmentScan& scan, RecordVisitor* visitor)
        : pages_(segment, scan.header), scan_(scan), visitor_(visitor) {
        record_.major_version = scan.header.major_version;
    }

    void Run() {
        offset_ = kLongPageHeaderBytes;
        if (!scan_.header.continues_record || TakeHead()) {
            while (TakeRecord()) {
            }
        }
        scan_.last_timeline = pages_.last_timeline();
    }

   private:
    // The steps return false when the scan is over.
    bool TakeHead();
    bool TakeRecord();
    bool EnterRecordPage();
    bool TakeCrossing(uint32_t total_bytes);
    bool TakeGathered();
    bool KeepTail(uint32_t total_bytes);
    bool Accept(const RecordHeader& header, size_t next_offset);
    bool CheckHeader(const RecordHeader& header);
    void AppendParts(base::Bytes& out) const {
        for (ByteView span : parts_.views) out.insert(out.end(), span.begin(), span.end());
    }

    bool Finish(ScanEndKind kind) {
        scan_.end.kind = kind;
        scan_.end.lsn = pages_.LsnAt(pages_.segment_size());
        return false;
    }
    bool EndEarly(std::string reason) {
        scan_.end.kind = ScanEndKind::kEndsEarly;
        scan_.end.lsn = pages_.LsnAt(offset_);
        scan_.end.reason = std::move(reason);
        scan_.end.rest_is_zero = pages_.IsZeroFrom(offset_);
        return false;
    }

    PageWalker pages_;
    SegmentScan& scan_;
    RecordVisitor* visitor_;
    // Where the next record begins, from the segment's start.
    size_t offset_ = 0;
    // Start of the last valid record; invalid before the first.
    Lsn previous_;
    Record record_;
    // Where the bytes of the record at hand are.
    RecordParts parts_;
    // Those bytes in one piece, if somebody wants to see inside a record that crosses pages.
    base::Bytes joined_;
};

// Takes the bytes that complete an earlier segment's record.
bool Scanner::TakeHead() {
    HeadFragment& head = scan_.head;
    head.remaining_bytes = scan_.header.remaining_bytes;
    const PartsEnd parts_end = GatherParts(pages_, offset_, head.remaining_bytes, parts_);
    AppendParts(head.bytes);
    offset_ = parts_.end;
    switch (parts_end) {
        case PartsEnd::kWhole:
            offset_ = AlignRecord(offset_);
            head.state = HeadState::kWhole;
            head.end = pages_.LsnAt(offset_);
            return true;
        case PartsEnd::kSegmentEnd:
            head.state = HeadState::kContinues;
            return Finish(ScanEndKind::kComplete);
        case PartsEnd::kOverwritten:
            head.state = HeadState::kAbandoned;
            offset_ += kShortPageHeaderBytes;
            return true;
        case PartsEnd::kBad:
            break;
    }
    head.state = HeadState::kBroken;
    return EndEarly(std::move(parts_.problem));
}

// Checks the page whose start the next record would be; the record follows its header.
bool Scanner::EnterRecordPage() {
    if (offset_ == pages_.segment_size()) return Finish(ScanEndKind::kComplete);
    PageHeader page;
    if (!pages_.Enter(offset_, page)) return EndEarly(pages_.problem());
    if ((page.flags & (kPageContinuesRecord | kPageOverwritesRecord)) == kPageContinuesRecord)
        return EndEarly("contrecord is requested by " + page.address.ToString());
    offset_ += kShortPageHeaderBytes;
    return true;
}

bool Scanner::TakeRecord() {
    if (pages_.IsPageStart(offset_) && !EnterRecordPage()) return false;
    if (!pages_.Has(offset_, kRecordAlignment)) return EndEarly("the WAL at hand ends");
    const auto total_bytes = base::LoadLe<uint32_t>(pages_.View(offset_, 4).data());
    if (total_bytes > pages_.PageEnd(offset_) - offset_) return TakeCrossing(total_bytes);
    if (total_bytes < kRecordHeaderBytes)
        return EndEarly(*LengthProblem(total_bytes, pages_.LsnAt(offset_)));
    if (!pages_.Has(offset_, total_bytes)) return EndEarly("the WAL at hand ends within a record");

    const ByteView bytes = pages_.View(offset_, total_bytes);
    const RecordHeader header = LoadRecordHeader(bytes);
    if (!CheckHeader(header)) return false;
    if (!RecordCrcMatches(bytes)) {
        return EndEarly("incorrect resource manager data checksum in record at " +
                        pages_.LsnAt(offset_).ToString());
    }
    parts_.views.assign(1, bytes);
    return Accept(header, AlignRecord(offset_ + total_bytes));
}

bool Scanner::TakeCrossing(uint32_t total_bytes) {
    if (auto problem = LengthProblem(total_bytes, pages_.LsnAt(offset_)))
        return EndEarly(std::move(*problem));
    // A header that is whole on its first page is judged before its length is followed.
    if (pages_.PageEnd(offset_) - offset_ >= kRecordHeaderBytes) {
        if (!pages_.Has(offset_, kRecordHeaderBytes)) return EndEarly("the WAL at hand ends");
        if (!CheckHeader(LoadRecordHeader(pages_.View(offset_, kRecordHeaderBytes)))) return false;
    }
    switch (GatherParts(pages_, offset_, total_bytes, parts_)) {
        case PartsEnd::kWhole:
            return TakeGathered();
        case PartsEnd::kSegmentEnd:
            return KeepTail(total_bytes);
        case PartsEnd::kOverwritten:
            // Crash recovery gave the record up; its own record stands on this page.
            offset_ = parts_.end + kShortPageHeaderBytes;
            return true;
        case PartsEnd::kBad:
            break;
    }
    return EndEarly(std::move(parts_.problem));
}

bool Scanner::TakeGathered() {
    std::array<std::byte, kRecordHeaderBytes> fixed;
    size_t filled = 0;
    uint32_t crc = 0;
    for (ByteView span : parts_.views) {
        const size_t part = std::min(kRecordHeaderBytes - filled, span.size());
        std::copy_n(span.begin(), part, fixed.begin() + filled);
        filled += part;
        crc = codec::Crc32c(crc, span.subspan(part));
    }
    const RecordHeader header = LoadRecordHeader(fixed);
    if (!CheckHeader(header)) return false;
    if (codec::Crc32c(crc, ByteView(fixed).first(kRecordCrcOffset)) != header.crc) {
        return EndEarly("incorrect resource manager data checksum in record at " +
                        pages_.LsnAt(offset_).ToString());
    }
    return Accept(header, AlignRecord(parts_.end));
}

bool Scanner::KeepTail(uint32_t total_bytes) {
    OpenRecord& tail = scan_.tail.emplace();
    tail.start = pages_.LsnAt(offset_);
    tail.timeline = pages_.last_timeline();
    tail.total_bytes = total_bytes;
    AppendParts(tail.bytes);
    return Finish(ScanEndKind::kComplete);
}

bool Scanner::CheckHeader(const RecordHeader& header) {
    if (auto problem = HeaderProblem(header, pages_.LsnAt(offset_), previous_))
        return EndEarly(std::move(*problem));
    return true;
}

// The record at hand is valid: shows it to whoever wants it, and steps behind it.
bool Scanner::Accept(const RecordHeader& header, size_t next_offset) {
    if (IsSwitch(header)) next_offset = pages_.segment_size();
    const Lsn start = pages_.LsnAt(offset_);
    const Lsn end = pages_.LsnAt(next_offset);
    const bool has_facts = HasFacts(header);
    const bool is_wanted = visitor_ != nullptr && visitor_->Wants(header);
    if (has_facts || is_wanted) {
        record_.start = start;
        record_.end = end;
        record_.timeline = pages_.last_timeline();
        ByteView bytes = parts_.views.front();
        if (parts_.views.size() > 1) {
            joined_.clear();
            AppendParts(joined_);
            bytes = joined_;
        }
        if (base::Status decoded = DecodeRecord(bytes, record_); !decoded)
            return EndEarly(decoded.error().message);
        if (has_facts) AddRecordFacts(record_, scan_.facts);
        if (is_wanted) visitor_->Visit(record_);
    }
    CountRecord(start, end, scan_.facts);
    if (!previous_.IsValid()) scan_.first_record_previous = header.previous;
    previous_ = start;
    if (IsSwitch(header)) return Finish(ScanEndKind::kSwitched);
    offset_ = next_offset;
    return true;
}

}  // namespace

base::Result<SegmentScan> ScanSegment(ByteView segment, const ScanOptions& options) {
    SegmentScan scan;
    AGRI_ASSIGN(scan.header, ReadSegmentHeader(segment));
    if (segment.size() > scan.header.segment_size_bytes) {
        return MakeError(ErrorCode::kCorrupt, "WAL segment has {} bytes, but its size is {}",
                         segment.size(), scan.header.segment_size_bytes);
    }
    if (options.identity) AGRI_TRY(CheckSegmentIdentity(scan.header, *options.identity));
    Scanner(segment, scan, options.visitor).Run();
    return scan;
}

}  // namespace agri::wal

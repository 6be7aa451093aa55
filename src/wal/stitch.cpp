// The record that crosses from one segment into the next, which neither segment's scan can judge.
#include <utility>

#include "wal/record_check.hpp"
#include "wal/record_kinds.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::wal {
namespace {

using base::Lsn;

StitchResult Broken(std::string reason) { return {StitchState::kBroken, std::move(reason)}; }

// Judges the joined record, and counts it in.
StitchResult Complete(OpenRecord open, Lsn last_record, SegmentScan& scan, RecordVisitor* visitor) {
    const base::ByteView bytes = open.bytes;
    if (auto problem = LengthProblem(open.total_bytes, open.start))
        return Broken(std::move(*problem));
    const RecordHeader header = LoadRecordHeader(bytes);
    if (auto problem = HeaderProblem(header, open.start, last_record))
        return Broken(std::move(*problem));
    if (!RecordCrcMatches(bytes)) {
        return Broken("incorrect resource manager data checksum in record at " +
                      open.start.ToString());
    }
    const Lsn segment_end{scan.header.start.value + scan.header.segment_size_bytes};
    if (IsSwitch(header)) {
        // A switch record that just crossed the boundary takes all of the second segment with it.
        scan.end = {.kind = ScanEndKind::kSwitched, .lsn = segment_end};
        scan.head.end = segment_end;
    }
    Record record;
    record.start = open.start;
    record.end = scan.head.end;
    record.timeline = scan.header.timeline;
    record.major_version = scan.header.major_version;
    if (base::Status decoded = DecodeRecord(bytes, record); !decoded)
        return Broken(decoded.error().message);
    WalFacts facts;
    AddRecordFacts(record, facts);
    CountRecord(record.start, record.end, facts);
    facts.Append(scan.facts);
    scan.facts = std::move(facts);
    if (visitor != nullptr && visitor->Wants(header)) visitor->Visit(record);
    return {StitchState::kCompleted, {}};
}

StitchResult JoinHead(SegmentCarry& carry, SegmentScan& scan, RecordVisitor* visitor) {
    const HeadFragment& head = scan.head;
    OpenRecord& open = *carry.open;
    const uint64_t missing = open.total_bytes - open.bytes.size();
    if (head.remaining_bytes != missing) {
        return Broken(fmt::format("invalid contrecord length {} (expected {}) at {}",
                                  head.remaining_bytes, missing, scan.header.start.ToString()));
    }
    switch (head.state) {
        case HeadState::kAbandoned:
            return {StitchState::kAbandoned, {}};
        case HeadState::kBroken:
            return Broken(scan.end.reason);
        case HeadState::kContinues:
        case HeadState::kWhole:
        case HeadState::kNone:
            break;
    }
    open.bytes.insert(open.bytes.end(), head.bytes.begin(), head.bytes.end());
    if (head.state == HeadState::kContinues) return {StitchState::kContinues, {}};
    return Complete(std::move(open), carry.last_record, scan, visitor);
}

StitchResult JoinCarry(SegmentCarry& carry, SegmentScan& scan, RecordVisitor* visitor) {
    const bool has_head = scan.head.state != HeadState::kNone;
    if (carry.next_segment.IsValid() && carry.next_segment != scan.header.start) {
        return Broken(fmt::format("the segment at {} does not follow: expected {}",
                                  scan.header.start.ToString(), carry.next_segment.ToString()));
    }
    if (!carry.open) {
        if (!has_head) return {};
        // With a predecessor at hand, its scan would have left the record open.
        if (!carry.next_segment.IsValid()) return {StitchState::kUnknown, {}};
        return Broken("contrecord is requested by " + scan.header.start.ToString());
    }
    if (scan.header.overwrites_record) return {StitchState::kAbandoned, {}};
    if (!has_head) return Broken("there is no contrecord flag at " + scan.header.start.ToString());
    if (scan.header.timeline < carry.open->timeline) {
        return Broken(fmt::format("out-of-sequence timeline ID {} (after {}) at {}",
                                  scan.header.timeline.value, carry.open->timeline.value,
                                  scan.header.start.ToString()));
    }
    return JoinHead(carry, scan, visitor);
}

// The first record of the segment names the one before it, which is now known.
StitchResult CheckBackLink(StitchResult result, Lsn last_record, const SegmentScan& scan) {
    const bool is_known = result.state == StitchState::kNothing ||
                          result.state == StitchState::kCompleted ||
                          result.state == StitchState::kAbandoned;
    if (!is_known || !last_record.IsValid() || !scan.first_record_previous.IsValid()) return result;
    if (scan.first_record_previous == last_record) return result;
    return Broken(
        fmt::format("record with incorrect prev-link {} (expected {}) in the segment at {}",
                    scan.first_record_previous.ToString(), last_record.ToString(),
                    scan.header.start.ToString()));
}

}  // namespace

StitchResult Stitch(SegmentCarry& carry, SegmentScan& scan, RecordVisitor* visitor) {
    const Lsn crossing = carry.open ? carry.open->start : Lsn{};
    StitchResult result = JoinCarry(carry, scan, visitor);
    const Lsn before_first = result.state == StitchState::kCompleted ? crossing : carry.last_record;
    result = CheckBackLink(std::move(result), before_first, scan);

    if (result.state != StitchState::kContinues) {
        carry.open = scan.tail;
        if (scan.facts.record_count != 0) carry.last_record = scan.facts.last_record;
        // A record ended here unseen, and none after it: its start is not known.
        else if (result.state == StitchState::kUnknown || result.state == StitchState::kBroken)
            carry.last_record = {};
    }
    carry.next_segment = {scan.header.start.value + scan.header.segment_size_bytes};
    return result;
}

}  // namespace agri::wal

#include "engine/wal_index_facts.hpp"

#include <algorithm>

#include "repo/wal_index.hpp"

namespace agri::engine {

namespace {

// The index is one frame of 4 MiB at most. More restore points than this in a segment, or a longer
// beginning of a record, are left out: restore then reads the segment.
constexpr size_t kMaxRestorePoints = 20000;
constexpr size_t kMaxTailBytes = 1u << 20;
constexpr size_t kMaxProblemBytes = 1024;
constexpr std::string_view kUnreadableFrom = "unreadable from ";

int64_t Microseconds(const std::optional<base::WallTime>& time) {
    return time ? time->time_since_epoch().count() : 0;
}

void SetTail(const wal::SegmentCarry& carry, repo::format::WalIndex& index) {
    if (!carry.open) return;
    index.set_tail_record_lsn(carry.open->start.value);
    index.set_tail_record_length(carry.open->total_bytes);
    if (carry.open->bytes.size() <= kMaxTailBytes)
        index.set_tail_fragment(carry.open->bytes.data(), carry.open->bytes.size());
}

std::string ProblemOf(const ScannedSegment& segment) {
    const wal::ScanEnd& end = segment.scan.end;
    std::string problem;
    if (end.kind == wal::ScanEndKind::kEndsEarly && segment.kind == base::WalFileKind::kSegment)
        problem = fmt::format("{}{} on: {}", kUnreadableFrom, end.lsn.ToString(), end.reason);
    else if (segment.stitched.state == wal::StitchState::kBroken)
        problem = segment.stitched.reason;
    if (problem.size() > kMaxProblemBytes) problem.resize(kMaxProblemBytes);
    return problem;
}

}  // namespace

void SetWalFacts(const ScannedSegment& segment, repo::format::WalIndex& index) {
    const wal::SegmentScan& scan = segment.scan;
    const wal::WalFacts& facts = scan.facts;
    index.set_system_identifier(scan.header.system_identifier);
    index.set_major_version(static_cast<uint32_t>(scan.header.major_version));
    index.set_commits(facts.commit_count);
    index.set_first_commit_us(Microseconds(facts.first_commit_time));
    index.set_last_commit_us(Microseconds(facts.last_commit_time));
    index.set_min_xid(facts.oldest_ended_xid);
    index.set_max_xid(facts.newest_ended_xid);
    const size_t points = std::min(facts.restore_points.size(), kMaxRestorePoints);
    for (size_t i = 0; i < points; ++i) {
        auto* added = index.add_restore_points();
        added->set_name(facts.restore_points[i].name);
        added->set_lsn(facts.restore_points[i].lsn.value);
        added->set_time_us(facts.restore_points[i].time.time_since_epoch().count());
    }
    for (const wal::TimelineSwitch& found : facts.timeline_switches) {
        auto* added = index.add_timeline_switches();
        added->set_lsn(found.lsn.value);
        added->set_from_timeline(found.previous.value);
        added->set_to_timeline(found.current.value);
    }
    index.set_first_record_lsn(segment.first_record.value);
    index.set_end_lsn(facts.last_record_end.value);
    SetTail(segment.carry, index);
    index.set_head_unknown(segment.stitched.state == wal::StitchState::kUnknown);
    index.set_ends_with_switch(scan.end.kind == wal::ScanEndKind::kSwitched);
    index.set_wal_level_minimal(facts.SawMinimalWalLevel());
    index.set_scan_problem(ProblemOf(segment));
}

bool IsReadableUpTo(const repo::format::WalIndex& index, base::Lsn lsn) {
    const std::string& problem = index.scan_problem();
    if (problem.empty() || problem == repo::kTooManyFacts) return true;
    return problem.starts_with(kUnreadableFrom) && index.end_lsn() >= lsn.value;
}

}  // namespace agri::engine

#include "wal/facts.hpp"

#include <algorithm>
#include <string_view>

#include "wal/checkpoint_layout.hpp"
#include "wal/record_kinds.hpp"
#include "wal/transaction.hpp"

namespace agri::wal {
namespace {

using base::ByteView;
using base::LoadLe;
using base::Lsn;
using base::WallTime;

// Whether `a` is older than `b` modulo 2^32 (TransactionIdPrecedes of transam.c).
bool Precedes(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

WallTime LoadTimestamp(const std::byte* from) {
    return FromPostgresTime(static_cast<int64_t>(LoadLe<uint64_t>(from)));
}

void AddWalLevel(Lsn lsn, uint32_t level, WalFacts& facts) {
    const auto stated = static_cast<WalLevel>(level);
    if (facts.wal_levels.empty() || facts.wal_levels.back().level != stated)
        facts.wal_levels.push_back({lsn, stated});
}

void AddTimelines(Lsn lsn, uint32_t current, uint32_t previous, WalFacts& facts) {
    if (current != previous) facts.timeline_switches.push_back({lsn, {previous}, {current}});
}

void AddXid(uint32_t oldest, uint32_t newest, WalFacts& facts) {
    if (newest == 0) return;
    if (facts.newest_ended_xid == 0) {
        facts.oldest_ended_xid = oldest;
        facts.newest_ended_xid = newest;
        return;
    }
    if (Precedes(oldest, facts.oldest_ended_xid)) facts.oldest_ended_xid = oldest;
    if (Precedes(facts.newest_ended_xid, newest)) facts.newest_ended_xid = newest;
}

void AddEndTimes(WallTime earliest, WallTime latest, WalFacts& facts) {
    facts.earliest_end_time = std::min(facts.earliest_end_time.value_or(earliest), earliest);
    facts.latest_end_time = std::max(facts.latest_end_time.value_or(latest), latest);
}

void AddTransactionEnd(const Record& record, WalFacts& facts) {
    const std::optional<TransactionEnd> end = ReadTransactionEnd(record);
    if (!end) return;
    if (end->outcome == TransactionOutcome::kCommitted) {
        ++facts.commit_count;
        if (!facts.first_commit_time) facts.first_commit_time = end->time;
        facts.last_commit_time = end->time;
    } else {
        ++facts.abort_count;
    }
    AddEndTimes(end->time, end->time, facts);
    AddXid(end->xid, end->xid, facts);
}

void AddCheckpoint(const Record& record, CheckpointKind kind, WalFacts& facts) {
    const ByteView data = record.main_data;
    if (data.size() < kCheckpointBytes) return;
    const CheckpointBody body = LoadCheckpoint(data.data(), record.major_version);
    facts.checkpoints.push_back({
        .lsn = record.start,
        .redo = body.redo,
        .kind = kind,
        .timeline = body.timeline,
        .previous_timeline = body.previous_timeline,
        .next_full_xid = body.next_full_xid,
        .time = body.time,
    });
    AddTimelines(record.start, body.timeline.value, body.previous_timeline.value, facts);
    if (body.wal_level) AddWalLevel(record.start, *body.wal_level, facts);
}

// xl_restore_point: a time and a name of MAXFNAMELEN bytes, ended by a zero byte.
void AddRestorePoint(const Record& record, WalFacts& facts) {
    constexpr size_t kNameBytes = 64;
    const ByteView data = record.main_data;
    if (data.size() < 8 + kNameBytes) return;
    std::string_view name = base::AsText(data.subspan(8, kNameBytes));
    name = name.substr(0, name.find('\0'));
    facts.restore_points.push_back({std::string(name), record.end, LoadTimestamp(data.data())});
}

// xl_end_of_recovery: time, new timeline, previous timeline, and on 17+ the wal_level.
void AddEndOfRecovery(const Record& record, WalFacts& facts) {
    const ByteView data = record.main_data;
    if (data.size() < 16) return;
    AddTimelines(record.start, LoadLe<uint32_t>(data.data() + 8),
                 LoadLe<uint32_t>(data.data() + 12), facts);
    if (record.major_version >= 17 && data.size() >= 20)
        AddWalLevel(record.start, LoadLe<uint32_t>(data.data() + 16), facts);
}

void AddXlogRecord(const Record& record, WalFacts& facts) {
    const ByteView data = record.main_data;
    switch (KindOf(record.header)) {
        case kXlogCheckpointShutdown:
            return AddCheckpoint(record, CheckpointKind::kShutdown, facts);
        case kXlogCheckpointOnline:
            return AddCheckpoint(record, CheckpointKind::kOnline, facts);
        case kXlogRestorePoint:
            return AddRestorePoint(record, facts);
        case kXlogEndOfRecovery:
            return AddEndOfRecovery(record, facts);
        case kXlogBackupEnd:  // the start point alone
            if (data.size() >= 8)
                facts.backup_ends.push_back({record.end, {LoadLe<uint64_t>(data.data())}});
            return;
        case kXlogParameterChange:  // xl_parameter_change: wal_level is its sixth integer
            if (data.size() >= 24)
                AddWalLevel(record.start, LoadLe<uint32_t>(data.data() + 20), facts);
            return;
        case kXlogCheckpointRedo:  // 17+: the wal_level alone
            if (record.major_version >= 17 && data.size() >= 4)
                AddWalLevel(record.start, LoadLe<uint32_t>(data.data()), facts);
            return;
        case kXlogOverwriteContrecord:  // xl_overwrite_contrecord
            if (data.size() >= 16) {
                facts.overwritten_records.push_back({record.start,
                                                     {LoadLe<uint64_t>(data.data())},
                                                     LoadTimestamp(data.data() + 8)});
            }
            return;
        default:
            return;
    }
}

template <class T>
void AppendAll(std::vector<T>& into, const std::vector<T>& from) {
    into.insert(into.end(), from.begin(), from.end());
}

}  // namespace

void CountRecord(Lsn start, Lsn end, WalFacts& facts) {
    if (facts.record_count++ == 0) facts.first_record = start;
    facts.last_record = start;
    facts.last_record_end = end;
}

bool HasFacts(const RecordHeader& header) {
    if (header.manager == ResourceManager::kTransaction) return IsTransactionEnd(header);
    if (header.manager != ResourceManager::kXlog) return false;
    switch (KindOf(header)) {
        case kXlogCheckpointShutdown:
        case kXlogCheckpointOnline:
        case kXlogRestorePoint:
        case kXlogEndOfRecovery:
        case kXlogBackupEnd:
        case kXlogParameterChange:
        case kXlogCheckpointRedo:
        case kXlogOverwriteContrecord:
            return true;
        default:
            return false;
    }
}

void AddRecordFacts(const Record& record, WalFacts& facts) {
    if (record.header.manager == ResourceManager::kTransaction)
        AddTransactionEnd(record, facts);
    else if (record.header.manager == ResourceManager::kXlog)
        AddXlogRecord(record, facts);
}

void WalFacts::Append(const WalFacts& later) {
    if (record_count == 0) first_record = later.first_record;
    if (later.record_count != 0) {
        last_record = later.last_record;
        last_record_end = later.last_record_end;
    }
    record_count += later.record_count;
    commit_count += later.commit_count;
    abort_count += later.abort_count;
    if (!first_commit_time) first_commit_time = later.first_commit_time;
    if (later.last_commit_time) last_commit_time = later.last_commit_time;
    if (later.earliest_end_time)
        AddEndTimes(*later.earliest_end_time, *later.latest_end_time, *this);
    AddXid(later.oldest_ended_xid, later.newest_ended_xid, *this);
    AppendAll(restore_points, later.restore_points);
    AppendAll(timeline_switches, later.timeline_switches);
    AppendAll(checkpoints, later.checkpoints);
    AppendAll(backup_ends, later.backup_ends);
    AppendAll(overwritten_records, later.overwritten_records);
    for (const WalLevelStatement& stated : later.wal_levels)
        AddWalLevel(stated.lsn, static_cast<uint32_t>(stated.level), *this);
}

bool WalFacts::SawMinimalWalLevel() const {
    return std::any_of(wal_levels.begin(), wal_levels.end(), [](const WalLevelStatement& stated) {
        return stated.level == WalLevel::kMinimal;
    });
}

}  // namespace agri::wal

// What a stretch of WAL says about the cluster's history: the things a restore target can name
// (commit times, restore points, transaction ids) and the events that bound it (timeline switches,
// checkpoints, wal_level). Facts of one segment are those of the records that END in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/lsn.hpp"
#include "wal/record.hpp"

namespace agri::wal {

// pg_create_restore_point(). Recovery to the name stops after the record.
struct RestorePoint {
    std::string name;  // at most 63 bytes, in the server's encoding
    base::Lsn lsn;     // end of the record: what the function returned
    base::WallTime time;
};

// The record that begins a timeline: XLOG_END_OF_RECOVERY or a checkpoint with another
// PrevTimeLineID.
struct TimelineSwitch {
    base::Lsn lsn;  // start of the record
    base::TimelineId previous;
    base::TimelineId current;
};

enum class CheckpointKind { kOnline, kShutdown };

struct Checkpoint {
    base::Lsn lsn;   // start of the record
    base::Lsn redo;  // where replay from it begins
    CheckpointKind kind = CheckpointKind::kOnline;
    base::TimelineId timeline;
    base::TimelineId previous_timeline;  // differs from `timeline` where a timeline begins
    uint64_t next_full_xid = 0;
    base::WallTime time;  // whole seconds
};

// WalLevel of src/include/access/xlog.h.
enum class WalLevel : int32_t { kMinimal = 0, kReplica = 1, kLogical = 2 };

// wal_level as a record states it: XLOG_PARAMETER_CHANGE on every version; on 17+ checkpoints,
// XLOG_CHECKPOINT_REDO and XLOG_END_OF_RECOVERY too. Only changes and the first statement are kept.
struct WalLevelStatement {
    base::Lsn lsn;
    WalLevel level = WalLevel::kReplica;
};

// pg_backup_stop()'s record (XLOG_BACKUP_END).
struct BackupEnd {
    base::Lsn lsn;           // end of the record: the backup's stop point
    base::Lsn backup_start;  // the start point of the backup that it ends
};

// Crash recovery gave up a record whose continuation was never written (XLOG_OVERWRITE_CONTRECORD).
struct OverwrittenRecord {
    base::Lsn lsn;          // start of the overwriting record
    base::Lsn overwritten;  // start of the record given up
    base::WallTime time;
};

// Facts of the records that end in a stretch of WAL, in WAL order. "Transaction ends" are commits
// and aborts, those of prepared transactions included: the records at which recovery_target_time
// and recovery_target_xid can stop (recoveryStopsBefore in
// src/backend/access/transam/xlogrecovery.c).
struct WalFacts {
    uint64_t record_count = 0;
    base::Lsn first_record;     // start; invalid when no record ends here
    base::Lsn last_record;      // start
    base::Lsn last_record_end;  // end of the last valid record

    uint64_t commit_count = 0;
    uint64_t abort_count = 0;
    // In WAL order. Commit times are taken before the record is placed, so they need not ascend.
    std::optional<base::WallTime> first_commit_time;
    std::optional<base::WallTime> last_commit_time;
    // Smallest and largest time among transaction ends.
    std::optional<base::WallTime> earliest_end_time;
    std::optional<base::WallTime> latest_end_time;
    // Top-level transaction ids among transaction ends, oldest and newest modulo 2^32; 0 when none.
    uint32_t oldest_ended_xid = 0;
    uint32_t newest_ended_xid = 0;

    std::vector<RestorePoint> restore_points;
    std::vector<TimelineSwitch> timeline_switches;
    std::vector<Checkpoint> checkpoints;
    std::vector<WalLevelStatement> wal_levels;
    std::vector<BackupEnd> backup_ends;
    std::vector<OverwrittenRecord> overwritten_records;

    // Puts the facts of the WAL that directly follows behind these.
    void Append(const WalFacts& later);
    // True when a record here states wal_level = minimal: no incremental backup may cross it.
    bool SawMinimalWalLevel() const;
};

// Counts a record, whatever it says. Records must come in WAL order.
void CountRecord(base::Lsn start, base::Lsn end, WalFacts& facts);
// Adds what one decoded record says, without counting it.
void AddRecordFacts(const Record& record, WalFacts& facts);
// Whether AddRecordFacts would look into the record's body, that is, whether to decode it at all.
bool HasFacts(const RecordHeader& header);

}  // namespace agri::wal

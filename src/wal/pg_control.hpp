// The control file, global/pg_control (ControlFileData of PostgreSQL's
// src/include/catalog/pg_control.h), of 15 to 18. Its CRC is checked before any field is believed.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/lsn.hpp"
#include "wal/facts.hpp"

namespace agri::wal {

// PG_CONTROL_FILE_SIZE: the file's size on every version; only its first bytes are used.
inline constexpr size_t kControlFileBytes = 8192;

// DBState.
enum class ClusterState : uint32_t {
    kStartingUp = 0,
    kShutDown = 1,
    kShutDownInRecovery = 2,
    kShuttingDown = 3,
    kInCrashRecovery = 4,
    kInArchiveRecovery = 5,
    kInProduction = 6,
};

// As pg_controldata prints it ("in production"); "unrecognized status code" for other numbers.
std::string_view ClusterStateName(ClusterState state);

struct ControlFile {
    // 15 to 18. Versions that share pg_control_version are told apart by the catalog version.
    int major_version = 0;
    uint64_t system_identifier = 0;
    uint32_t pg_control_version = 0;
    uint32_t catalog_version = 0;
    ClusterState state = ClusterState::kStartingUp;
    base::WallTime time;  // of the last update, whole seconds

    base::Lsn checkpoint;  // start of the last checkpoint record
    base::Lsn redo;        // where replay from it begins
    base::TimelineId timeline;
    base::TimelineId previous_timeline;
    bool full_page_writes = false;
    uint64_t next_full_xid = 0;  // epoch in the high half
    uint32_t next_oid = 0;
    uint32_t next_multixact = 0;
    uint32_t next_multixact_offset = 0;
    uint32_t oldest_xid = 0;
    uint32_t oldest_multixact = 0;
    base::WallTime checkpoint_time;  // whole seconds

    // Replay must reach min_recovery_point before the cluster is consistent; invalid: no demand.
    base::Lsn min_recovery_point;
    base::TimelineId min_recovery_timeline;
    // Set while a base backup is being recovered and its end was not reached.
    base::Lsn backup_start;
    base::Lsn backup_end;
    bool backup_end_required = false;

    // A standby started on this data needs at least these (CheckRequiredParameterValues).
    WalLevel wal_level = WalLevel::kReplica;
    bool wal_log_hints = false;
    int32_t max_connections = 0;
    int32_t max_worker_processes = 0;
    int32_t max_wal_senders = 0;
    int32_t max_prepared_transactions = 0;
    int32_t max_locks_per_transaction = 0;
    bool track_commit_timestamp = false;

    // Physical layout: a binary built otherwise cannot read this cluster.
    uint32_t max_align = 0;
    double float_format = 0;  // 1234567.0 when this machine's doubles are the cluster's
    uint32_t block_size_bytes = 0;
    uint32_t blocks_per_relation_segment = 0;
    uint32_t wal_block_size_bytes = 0;
    uint32_t wal_segment_size_bytes = 0;
    uint32_t name_data_bytes = 0;
    uint32_t index_max_keys = 0;
    uint32_t data_checksum_version = 0;  // 0: no data checksums

    bool HasDataChecksums() const { return data_checksum_version != 0; }
};

// Parses the whole file (or at least its used part). kCorrupt when it is too short, its CRC does
// not match or a field is impossible; kUnsupported for another pg_control version, named in the
// message.
base::Result<ControlFile> ParseControlFile(base::ByteView file);

}  // namespace agri::wal

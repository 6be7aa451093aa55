// The struct CheckPoint of PostgreSQL's src/include/catalog/pg_control.h: the body of checkpoint
// records, and a part of pg_control. Offsets are those of 64-bit machines. Private to src/wal.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/lsn.hpp"

namespace agri::wal {

// The same on 15 to 18: 17 put wal_level into what was padding.
inline constexpr size_t kCheckpointBytes = 88;

struct CheckpointBody {
    base::Lsn redo;
    base::TimelineId timeline;
    base::TimelineId previous_timeline;
    bool full_page_writes = false;
    std::optional<uint32_t> wal_level;  // 17+
    uint64_t next_full_xid = 0;
    uint32_t next_oid = 0;
    uint32_t next_multixact = 0;
    uint32_t next_multixact_offset = 0;
    uint32_t oldest_xid = 0;
    uint32_t oldest_multixact = 0;
    base::WallTime time;
};

// pg_time_t (seconds since the Unix epoch) as wall time; values out of range saturate.
base::WallTime FromUnixSeconds(int64_t seconds);

// `from` holds kCheckpointBytes.
CheckpointBody LoadCheckpoint(const std::byte* from, int major_version);

}  // namespace agri::wal

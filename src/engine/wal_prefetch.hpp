// Fetching segments ahead while the server replays: restore_command must return at once, so the
// work is done by a detached process that outlives this one by seconds at most.
#pragma once

#include "engine/context.hpp"
#include "engine/wal_spool.hpp"

namespace agri::engine {

struct PrefetchPlan {
    base::SegmentId delivered;  // the segment just handed over
    uint32_t segments = 8;      // at most that many behind it are kept
    uint32_t threads = 2;
};

// Starts the process unless one is at work or enough is spooled. Never fails: without it, the next
// fetch merely waits for storage.
void StartPrefetch(const repo::WalArchive& archive, const WalSpool& spool,
                   const PrefetchPlan& plan);

// What that process does: fills the spool up and returns.
void Prefetch(const repo::WalArchive& archive, const WalSpool& spool, const PrefetchPlan& plan);

}  // namespace agri::engine

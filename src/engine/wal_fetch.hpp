// Serving restore_command: one WAL file out of the archive, the next ones prefetched in parallel.
#pragma once

#include <string>

#include "engine/context.hpp"
#include "repo/wal_archive.hpp"

namespace agri::engine {

struct WalFetchRequest {
    std::string name;          // %f
    std::string destination;   // %p
    std::string spool_folder;  // for prefetched files; empty: no prefetch
    uint32_t prefetch = 8;     // segments
    // Whether the unfinished segment of a stopped server may be handed out, zeros behind its end.
    // Not to a standby: it would take it for the whole and not ask again.
    bool may_be_unfinished = false;
};

enum class WalFetchOutcome { kFetched, kAbsent };

// kAbsent only when the archive certainly has no such file. The destination appears whole
// (temporary name, rename) and has its full segment size.
base::Result<WalFetchOutcome> FetchWal(const repo::Incarnation& incarnation,
                                       const WalFetchRequest& request, const Context& context);

}  // namespace agri::engine

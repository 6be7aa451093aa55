// Verifies the WAL that backups need: from each one's start to its stop, on to the next backup or
// the end of the archive, and the timelines' history files.
#pragma once

#include "engine/archive_map.hpp"
#include "engine/verify_report.hpp"

namespace agri::engine {

struct WalVerification {
    uint64_t segments = 0;
    uint64_t bytes = 0;
};

// `backup_id` empty: the WAL of every backup of the map.
base::Result<WalVerification> VerifyWal(const repo::Incarnation& incarnation, const ArchiveMap& map,
                                        const VerifyRequest& request, VerifyReport& report,
                                        const Context& context);

}  // namespace agri::engine

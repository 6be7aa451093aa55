// A full base backup: reads the data directory and every other file root in parallel while the
// server runs, and commits when the files and the WAL they need are durable in the repository.
#pragma once

#include <functional>

#include "engine/cluster_port.hpp"
#include "engine/context.hpp"
#include "repo/catalog.hpp"

namespace agri::engine {

struct BackupRequest {
    repo::format::ManifestHeader::Kind kind = repo::format::ManifestHeader::FULL;
    std::string label;
    std::string requested_by;
    // How long to wait for the last WAL segment to be archived before giving up.
    std::chrono::seconds wal_timeout{3600};
    // Told the identifier as soon as the backup is registered, before any byte is copied.
    std::function<void(const std::string& backup_id)> on_started;
    // Asked when all but the manifest is durable; its error ends the backup without it.
    std::function<base::Status()> before_commit;
};

// Durable on return: packs, manifest and the WAL from start to stop. On any error nothing is
// committed, the server's backup mode was ended and the intent removed. kBusy names who runs a
// backup now.
base::Result<repo::format::ManifestHeader> RunBackup(const repo::Incarnation& incarnation,
                                                     ClusterPort& cluster,
                                                     const BackupRequest& request,
                                                     const Context& context);

}  // namespace agri::engine

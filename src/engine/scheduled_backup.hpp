// A backup that a schedule asks for: run once for each time of the schedule, whichever server comes
// first, and its outcome kept in the repository.
#pragma once

#include "engine/backup.hpp"
#include "repo/schedule_run.hpp"

namespace agri::engine {

struct ScheduledBackupRequest {
    BackupRequest backup;
    repo::DueRun due;
    // The same incarnation, for lease and records, from a repository that no cancelling stops.
    const repo::Incarnation& records;
    // Whether the server is ending: what fails then was cut off and is to be done again.
    std::function<bool()> is_server_gone;
};

struct ScheduledBackup {
    std::optional<repo::format::ManifestHeader> header;
    std::string reason;  // without header: why nothing was to be run
};

// As RunBackup, whose errors it returns. A backup of somebody else that runs now defers the run.
base::Result<ScheduledBackup> RunScheduledBackup(const repo::Incarnation& incarnation,
                                                 ClusterPort& cluster,
                                                 const ScheduledBackupRequest& request,
                                                 const Context& context);

}  // namespace agri::engine

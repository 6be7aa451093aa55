// What must be true before a backup begins; each refusal says what to do.
#pragma once

#include "engine/backup.hpp"
#include "engine/walk_plan.hpp"
#include "wal/pg_control.hpp"

namespace agri::engine {

// kUnsupported, kInvalidArgument: a kind or a label that cannot be.
base::Status CheckBackupRequest(const BackupRequest& request);

// kConflict: the server, or the data directory, is not the cluster that the repository knows.
base::Status CheckBackupCluster(const repo::Incarnation& incarnation, const ClusterFacts& facts,
                                const wal::ControlFile& control);

// kConfiguration: the repository lies in what is to be backed up.
base::Status CheckRepositoryPlace(const repo::Incarnation& incarnation, const WalkPlan& plan);

}  // namespace agri::engine

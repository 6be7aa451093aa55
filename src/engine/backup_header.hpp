// Fills a manifest's header: everything that listings show and that restore compares with the
// machine it runs on.
#pragma once

#include "engine/backup.hpp"
#include "engine/walk_plan.hpp"
#include "wal/pg_control.hpp"

namespace agri::engine {

struct BackupFacts {
    const repo::Incarnation& incarnation;
    const BackupRequest& request;
    const ClusterFacts& cluster;
    const wal::ControlFile& control;  // as it was copied
    const WalkPlan& plan;
    std::string backup_id;
    BackupStart start;
    BackupStop stop;
    base::WallTime started;
    base::WallTime stopped;
    uint64_t digest_seed = 0;
    std::string timeline_history;
    repo::format::BackupStatistics statistics;
};

repo::format::ManifestHeader MakeBackupHeader(const BackupFacts& facts);

}  // namespace agri::engine

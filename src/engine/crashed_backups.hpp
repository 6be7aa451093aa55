// What backups that crashed left in the repository: unfinished writes, packs of no manifest, and
// their intents.
#pragma once

#include <string>

#include "engine/context.hpp"
#include "engine/lease_keeper.hpp"
#include "repo/repository.hpp"

namespace agri::engine {

// For the holder of the backup lease, `lease`, before its first pack: every other intent is then of
// a backup that ended without removing it. It is given up by a tombstone at its manifest's key, so
// that it cannot commit any more, should its process only have been asleep. Nothing is removed
// while a manifest cannot be read. What fails is told in the log and left for the next backup; only
// that the lease is lost is an error.
base::Status RemoveCrashedBackups(const repo::Incarnation& incarnation,
                                  const std::string& own_backup_id, LeaseKeeper& lease,
                                  const Context& context);

}  // namespace agri::engine

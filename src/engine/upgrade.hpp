// `agri_backup upgrade`: the cluster's name goes over to another data directory, after pg_upgrade
// or a new initdb. What would take archiving from a server that needs it is refused.
#pragma once

#include <optional>
#include <string>

#include "engine/context.hpp"

namespace agri::engine {

struct UpgradeOutcome {
    repo::format::Incarnation before;  // in force until now
    repo::format::Incarnation now;
    // Who wrote to the one before: it can archive no longer. None where the number did not change.
    std::optional<repo::format::WriterClaim> former_writer;
    bool IsChange() const { return now.number() != before.number(); }
};

// Registers the identity of a data directory as the cluster's next incarnation. Durable on return.
// Changes nothing when that is the one in force already. An identity of an earlier incarnation goes
// on in its folder. kConflict when the directory is a clone's or, unknown, of an older major
// version; kClusterState while pg_upgrade is at work in it, or the server runs on this machine that
// would be cut off; kNotFound when the name is unknown.
base::Result<UpgradeOutcome> UpgradeCluster(repo::Repository& repository,
                                            const std::string& data_directory,
                                            const Context& context);

}  // namespace agri::engine

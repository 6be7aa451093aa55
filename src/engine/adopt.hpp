// An operator's word that a data directory is the one that writes from now on: what is checked
// before it counts.
#pragma once

#include <optional>
#include <string>

#include "engine/context.hpp"
#include "repo/claim.hpp"

namespace agri::engine {

struct AdoptOutcome {
    repo::format::WriterClaim claim;                  // the one in force now
    std::optional<repo::format::WriterClaim> former;  // whom it replaced; none when there was none
    bool is_change = true;                            // false: it was the writer already
};

// Whether this user may adopt it: kPermission for another user's directory.
base::Status CheckOwner(const std::string& data_directory);

// `timeline` 0: that of its pg_control. kConflict for another system's directory, kClusterState for
// a standby and while the present writer's server runs on this machine, kInvalidArgument for a
// timeline that nobody knows. Ends that it is a clone.
base::Result<AdoptOutcome> Adopt(const repo::Incarnation& incarnation,
                                 const std::string& data_directory, base::TimelineId timeline,
                                 const Context& context);

}  // namespace agri::engine

// Making a repository and registering a cluster in it: what `agri_backup init` and agri_init()
// share.
#pragma once

#include <string>

#include "engine/context.hpp"

namespace agri::engine {

struct InitOutcome {
    bool repository_created = false;
    uint64_t system_identifier = 0;  // 0: no cluster was registered
};

// Idempotent. With a data directory, its identity is read from pg_control and registered under the
// configured cluster name; kConflict when another cluster has that name.
base::Result<InitOutcome> InitRepository(const RepositorySettings& repository,
                                         const std::string& data_directory, const Context& context);

}  // namespace agri::engine

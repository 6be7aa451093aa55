// What a repository holds, as one JSON document: the cached state that SQL views read and what
// `agri_backup info` prints are this same text (docs/architecture.md, "Cached state").
#pragma once

#include <nlohmann/json.hpp>

#include "engine/context.hpp"

namespace agri::engine {

// Lists backups, WAL ranges, recovery windows and running backups. Unknown values are null.
base::Result<nlohmann::json> DescribeRepository(const repo::Incarnation& incarnation,
                                                const RepositorySettings& repository,
                                                const Context& context);

}  // namespace agri::engine

// Tells which relations the pages with wrong checksums belong to, for the manifest and the log.
#pragma once

#include <vector>

#include "base/log.hpp"
#include "engine/cluster_port.hpp"
#include "engine/page_checker.hpp"

namespace agri::engine {

// After the copy; asks the server for each relation's name once.
std::vector<repo::format::PageFailure> ReportPageFailures(PageChecker& checker, base::Lsn stop,
                                                          ClusterPort& cluster, base::Logger& log);

}  // namespace agri::engine

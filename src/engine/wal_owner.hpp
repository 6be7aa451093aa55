// Whose WAL a folder holds. A segment says it itself; a timeline's history and a backup's do not,
// and a restore would follow them.
#pragma once

#include <string>
#include <vector>

#include "engine/context.hpp"
#include "wal/page.hpp"

namespace agri::engine {

// The WAL files of a folder, in no order.
base::Result<std::vector<base::WalFileName>> ListWalFiles(const std::string& folder);

// Of a segment's first page; an error when it has none, or cannot be read.
base::Result<wal::SegmentHeader> ReadHeaderOf(const std::string& path);

// The data directory whose pg_wal the folder is, if it is one. The name is taken apart as text:
// pg_wal may be a link, and what it leads to has another parent.
std::string DataDirectoryOf(const std::string& folder);

// Whether the folder may be this incarnation's pg_wal: kConflict when one of its segments, or the
// pg_control beside it, is another cluster's; kClusterState when it is a clone's.
base::Status CheckWalOwner(const repo::Incarnation& incarnation, const std::string& folder,
                           const Context& context);

// kConflict when that is not the incarnation's system; `what` names the thing that says so.
base::Status CheckSystem(const repo::Incarnation& incarnation, uint64_t system_identifier,
                         const std::string& what);

}  // namespace agri::engine

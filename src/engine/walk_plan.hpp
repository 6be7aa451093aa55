// Which folders a backup reads: the data directory, tablespaces elsewhere, pg_wal elsewhere
// (recorded only), and configuration files outside the data directory. Root 0 is always the data
// directory.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "engine/cluster_port.hpp"
#include "repo/repository.hpp"
#include "wal/pg_control.hpp"

namespace agri::engine {

struct WalkRoot {
    repo::format::FileRoot root;
    std::string folder;      // where its files are read
    std::string only_child;  // nothing else of the folder belongs to the root; empty: all of it
};

struct WalkPlan {
    std::vector<WalkRoot> roots;  // by id
    uint32_t major_version = 0;
    std::string version_folder;  // "PG_15_202209061": this cluster's part of a tablespace
    // Folders of the data directory (relative) that are a tablespace's location as well: their
    // content belongs to the tablespace's root.
    std::set<std::string> separate_folders;
};

inline constexpr uint32_t kDataRoot = 0;

// Looks at pg_tblspc, pg_wal and the configuration files' places. Links in pg_tblspc that lead
// nowhere are an error: a tablespace that cannot be read cannot be backed up.
base::Result<WalkPlan> PlanWalk(const ClusterFacts& facts, const wal::ControlFile& control,
                                base::Logger& log);

// The path with control characters and bytes outside ASCII escaped (\x0a), for logs and messages.
std::string PrintablePath(std::string_view path);

}  // namespace agri::engine

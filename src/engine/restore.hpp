// Restoring a backup into a directory: files in parallel, pg_control last, recovery configured, a
// backup_manifest for pg_verifybackup, and the exact command that starts the result.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/target.hpp"

namespace agri::engine {

enum class RestoreRole { kOriginal, kStandby, kClone };
enum class ExistingFiles { kRefuse, kDelta };

struct RestoreRequest {
    std::string target_directory;
    RecoveryTarget target;
    RecoverySettings recovery = RecoverySettings::kWrite;
    std::string backup_id;  // empty: chosen by ResolveTarget
    RestoreRole role = RestoreRole::kOriginal;
    ExistingFiles existing = ExistingFiles::kRefuse;
    std::map<std::string, std::string> tablespace_map;  // old location or OID → new location
    std::string tablespace_base;                        // all others: BASE/OID
    std::string wal_directory;                          // pg_wal there, linked; empty: inside
    std::string restore_command;  // empty: this program's wal-fetch with `config_argument`
    std::string config_argument;  // what restore_command passes: "--config /etc/…"
    // Called once with the decision, before anything is written.
    std::function<void(const RestorePlan&)> on_plan;
};

struct RestoreResult {
    RestorePlan plan;
    uint64_t files = 0;
    uint64_t bytes = 0;
    uint64_t rewritten_bytes = 0;    // with --delta: what differed
    std::vector<std::string> notes;  // what the user must know: collation versions, config files …
    std::string configuration_folder;  // where configuration from outside was put, empty if none
    std::string start_command;
};

base::Result<RestoreResult> RunRestore(const repo::Incarnation& incarnation,
                                       const RestoreRequest& request, const Context& context);

}  // namespace agri::engine

// What is configured, and from where each value came: the configuration file, the server's settings
// (handed over the control socket), the environment, the command line; later ones win. Credentials
// and keys are never settings, only where to find them is.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace agri::engine {

// One repository's part of the configuration: a section "[repository NAME]" of the file, or the
// only one when `repository` and `key` alone are set (its name is "main" then).
struct RepositorySettings {
    std::string name = "main";
    std::string uri;      // "file:///backup/repo"
    std::string key_uri;  // "file:///etc/agri_backup/main.key"
    bool encryption_off = false;
};

struct Settings {
    std::string cluster = "main";  // name of the cluster within its repositories
    std::string config_file;       // absolute path of the file that was read, empty when none
    std::vector<RepositorySettings> repositories;
    int compression_level = 1;  // zstd's, -7 … 19
    uint32_t parallel = 0;      // working threads; 0: as many as CPUs, at most 8
    uint64_t memory_limit_bytes = 256u << 20;
    uint64_t rate_limit_bytes = 0;  // bytes per second to and from storage; 0: unlimited
    std::string log_level = "info";
    // How long a lease outlives its last renewal. Not configured; tests make it short.
    std::chrono::milliseconds lease_time{60000};

    uint32_t EffectiveParallel() const;
};

// Collects values by source and turns them into Settings. Names are those of the file and of the
// GUCs without prefix: cluster, repository, key, encryption, compression_level, parallel,
// memory_limit, rate_limit, log_level; sizes take kB, MB, GB as PostgreSQL's GUCs do.
class SettingsBuilder {
   public:
    // kConfiguration names file and line; unknown keys and sections are errors. `source`: who named
    // the file. A relative path is one from the current folder, and kept as an absolute one.
    base::Status LoadFile(const std::string& path, std::string_view source);
    // AGRI_BACKUP_CONFIG, AGRI_BACKUP_CLUSTER, AGRI_BACKUP_REPOSITORY, AGRI_BACKUP_KEY …
    base::Status LoadEnvironment();
    // `source` as `config` prints it: "option --repository", "postgresql.conf".
    base::Status Set(std::string_view name, std::string_view value, std::string_view source);
    // Checks the whole; kConfiguration says which setting is missing and how to give it.
    base::Result<Settings> Build() const;
    struct Row {
        std::string name, value, source;
    };
    // Every setting in force, defaults included: for `agri_backup config`. A single repository's
    // are called repository, key and encryption, whether a section or the short form gave them.
    std::vector<Row> Rows() const;

   private:
    struct Value {
        std::string value, source;
    };
    using Values = std::map<std::string, Value, std::less<>>;
    // The section that the short form speaks of too; empty when there is none or more than one.
    std::string OnlySection() const;
    // The value that counts; null when nobody gave one.
    const Value* Find(std::string_view name) const;
    std::string Text(std::string_view name) const;
    std::string Source(std::string_view name) const;
    std::vector<RepositorySettings> Repositories() const;
    base::Status CheckPlaces() const;

    Values values_;  // "cluster", "repository.main.uri", …
    Value config_file_;
};

}  // namespace agri::engine

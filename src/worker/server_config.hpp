// What CONFIG says: which server this is, and its settings. The server's identity is required; bad
// settings are kept as the error they are, so that archiving can go on saying what is wrong.
#pragma once

#include <spdlog/common.h>
#include <sys/types.h>

#include "base/wire.hpp"
#include "engine/settings.hpp"
#include "repo/repository.hpp"

namespace agri::worker {

struct ServerConfig {
    std::string data_directory;
    repo::ClusterIdentity identity;
    pid_t postmaster_pid = 0;
    base::Result<engine::Settings> settings = base::Error();
    // Each field as it came and each setting: two configurations are the same when these are.
    std::vector<std::pair<std::string, std::string>> fields;

    // kInvalidArgument when a field of the server's identity is missing or no number.
    static base::Result<ServerConfig> Parse(const base::wire::Message& config);
    // From "log_level"; info when the settings are unusable.
    spdlog::level::level_enum LogLevel() const;
};

}  // namespace agri::worker

// Names below the data directory, which is the working directory of these processes: a socket's
// path may have 107 bytes, a data directory's more.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"

namespace agri::worker {

inline constexpr const char* kRuntimeFolder = "agri_backup";
inline constexpr const char* kStateFolder = "agri_backup/state";
inline constexpr const char* kJobsFolder = "agri_backup/jobs";
// pg_rewind from a running server would fail on a socket; files of this prefix it passes over.
inline constexpr const char* kSocketPath = "agri_backup/pgsql_tmp.archive.sock";
inline constexpr const char* kLockPath = "agri_backup/archive.lock";
inline constexpr const char* kArchivingState = "agri_backup/state/archiving.json";
inline constexpr const char* kRepositoryState = "agri_backup/state/repository.json";
inline constexpr const char* kReadyFolder = "pg_wal/archive_status";

// Goes to the data directory and makes the runtime folder there.
base::Status EnterDataDirectory(const std::string& data_directory);
// Replaces a file of cached state: whole for every reader, lost with the power.
base::Status WriteState(const std::string& path, const nlohmann::json& document);
// The document, or null when there is none to be read.
nlohmann::json ReadState(const std::string& path);
// Removes what job processes that are no more left in the jobs folder.
void RemoveDeadJobs();

}  // namespace agri::worker

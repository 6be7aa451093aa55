// The marker of an unfinished restore, `agri_backup.restore` in the data directory: it lets the
// same restore go on, stops another one, and, locked while one is at work, keeps a second one out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/target_folder.hpp"

namespace agri::engine {

struct RestoreMarker {
    std::string backup_id;
    std::string started;               // ISO 8601
    std::vector<std::string> folders;  // tablespaces and pg_wal outside, real paths
};

// nullopt when there is none; a damaged one has an empty backup id and names no folders.
std::optional<RestoreMarker> ReadMarker(const std::string& data_directory);

// Writes the marker, durable on return. The descriptor holds its lock: kBusy when another process
// has it.
base::Result<base::Fd> PlaceMarker(const TargetFolder& folder, const std::string& backup_id,
                                   const std::vector<std::string>& folders,
                                   const base::Clock& clock);
// The last step of a restore.
base::Status RemoveMarker(const TargetFolder& folder);

}  // namespace agri::engine

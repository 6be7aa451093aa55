// What the restored server is told about its recovery: settings in a marked block at the end of
// postgresql.auto.conf, where later lines win, and one of the signal files.
#pragma once

#include <string>

#include "engine/restore.hpp"

namespace agri::engine {

// The request's own restore_command, or this program's wal-fetch with the request's settings.
// `program` is an absolute path. kInvalidArgument for control characters, which a configuration
// file cannot hold.
base::Result<std::string> MakeRestoreCommand(const RestoreRequest& request,
                                             const std::string& program);

// "recovery.signal", "standby.signal", or empty when recovery is left alone.
std::string SignalFileName(const RestoreRequest& request);

// The lines that tell the server, without the marks; empty when there is nothing to tell. Targets
// that are not used are reset first: PostgreSQL refuses to start with two.
std::string RecoverySettingLines(const RestorePlan& plan, const RestoreRequest& request,
                                 const std::string& restore_command);

// postgresql.auto.conf with the lines in a marked block at its end; an earlier block is replaced.
std::string MergeAutoConfig(std::string_view existing, std::string_view lines);

}  // namespace agri::engine

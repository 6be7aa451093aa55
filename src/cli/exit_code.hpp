// Exit codes are part of the interface (README, "Exit codes"): the one place that maps errors to
// them.
#pragma once

#include "base/error.hpp"

namespace agri::cli {

enum ExitCode : int {
    kSuccess = 0,
    kAbsent = 1,  // wal-fetch: the archive has no such file
    kUsage = 2,
    kConfiguration = 3,  // settings, key or repository missing or contradictory
    kNotFound = 4,
    kConflict = 5,  // different content, another cluster, another writer
    kBusy = 6,
    kCorrupt = 7,
    kPermission = 8,  // wrong key, refused access
    kNoSpace = 9,
    kUnavailable = 10,  // storage cannot be reached
    kUnreachableTarget = 11,
    kClusterState = 12,
    kCancelled = 13,
    kFindings = 14,     // verify found damage
    kFailure = 20,      // anything else
    kFetchError = 200,  // wal-fetch: recovery must stop here, not end (PostgreSQL: above 125)
};

ExitCode ExitCodeOf(base::ErrorCode code);

}  // namespace agri::cli

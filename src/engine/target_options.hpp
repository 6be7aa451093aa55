// A recovery target as people write it: the words of the command line and of SQL, turned into a
// RecoveryTarget. At most one target; a time without a UTC offset is refused.
#pragma once

#include <string>

#include "engine/target.hpp"

namespace agri::engine {

struct TargetOptions {
    std::string time, lsn, xid, name, timeline, action;  // empty: not given
    bool immediate = false;
    bool exclusive = false;
};

// kInvalidArgument says which option is wrong and how it is written.
base::Result<RecoveryTarget> ParseTarget(const TargetOptions& options);

}  // namespace agri::engine

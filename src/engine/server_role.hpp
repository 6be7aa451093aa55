// What a data directory may do in the repository, as told by what stands in it.
#pragma once

#include <string>

#include "base/error.hpp"

namespace agri::engine {

// Whether `restore --as clone` made it. A role that makes no sense is no licence to write into
// somebody's archive.
base::Result<bool> IsClone(const std::string& data_directory);
// kClusterState when it is one.
base::Status CheckMayWrite(const std::string& data_directory);

}  // namespace agri::engine

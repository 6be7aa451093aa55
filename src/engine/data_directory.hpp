// What can be told of a data directory from its folders and links alone, and the real paths by
// which folders are compared.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace agri::engine {

// Without links and without a slash at the end; what does not exist yet is taken as it is written.
base::Result<std::string> CanonicalPath(const std::string& path);
// Both canonical: the same, or below it.
bool IsWithin(const std::string& inner, const std::string& outer);

// Names in a folder; none when it does not exist.
base::Result<std::vector<std::string>> NamesIn(const std::string& path);

// Canonical paths of the folders that its pg_wal and pg_tblspc/* lead to; none when it is missing.
base::Result<std::vector<std::string>> LinkedFolders(const std::string& data_directory);

}  // namespace agri::engine

// Where a file or a folder lies: keys and repositories must not stand where backups would take them
// along, or where they would be lost together.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace agri::repo {

// The path of a file URI, with %XX decoded (RFC 3986, 2.1); nullopt for another scheme and for a
// path that is not absolute.
std::optional<std::string> PathOfFileUri(std::string_view uri);

// Whether the folder is a cluster's data directory, whole or not: an unfinished restore has no
// pg_control.
bool IsDataDirectory(const std::string& folder);

// The data directory, or the repository, that the path is or lies in, by its real path;
// nullopt for none. What the path names need not exist.
base::Result<std::optional<std::string>> EnclosingDataDirectory(const std::string& path);
base::Result<std::optional<std::string>> EnclosingRepository(const std::string& path);

}  // namespace agri::repo

// Checks that every driver makes before it touches anything, with the same words.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace agri::storage {

// kInvalidArgument unless IsValidKey(key).
base::Status CheckKey(std::string_view key);
// kInvalidArgument unless empty, or a key followed by a slash.
base::Status CheckPrefix(std::string_view prefix);

}  // namespace agri::storage

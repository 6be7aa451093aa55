// The version of agri_backup. It stands in src/version.cpp alone, for the executable and the
// module: a new version compiles nothing else.
#pragma once

namespace agri::base {

extern const char kVersion[];

}  // namespace agri::base

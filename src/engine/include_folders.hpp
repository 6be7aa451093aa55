// Folders that restored configuration files include (include_dir): an empty one is no file of a
// backup, and the server does not start without it. Debian's configuration names such a folder,
// conf.d.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/owned_files.hpp"
#include "engine/restore_survey.hpp"

namespace agri::engine {

// What the include_dir lines of a configuration file name, in its order.
std::vector<std::string> IncludedFolders(std::string_view configuration);

// Makes those of the configuration that was put beside, where they are given relative to it.
base::Status MakeIncludedFolders(const RestoreSurvey& survey, const OwnedFiles& data);

}  // namespace agri::engine

// An open folder that closes itself.
#pragma once

#include <dirent.h>

#include <memory>

namespace agri::engine {

struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

}  // namespace agri::engine

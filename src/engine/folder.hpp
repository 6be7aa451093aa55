// An open folder that closes itself.
#pragma once

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace agri::engine {

struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// opendir(3), retried on EINTR; empty with errno.
inline Folder OpenFolder(const std::string& path) {
    DIR* folder;
    do {
        folder = opendir(path.c_str());
    } while (folder == nullptr && errno == EINTR);
    return Folder(folder);
}

// Names in a folder, in no order, without "." and ".."; kNotFound when it does not exist.
base::Result<std::vector<std::string>> ListNames(const std::string& path);

}  // namespace agri::engine

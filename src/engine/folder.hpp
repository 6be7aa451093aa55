// An open folder that closes itself.
#pragma once

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <string>

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

}  // namespace agri::engine

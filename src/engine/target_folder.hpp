// A folder that a restore writes below. Links below it are never followed, whoever put them there:
// a manifest that names "link/file", or a link planted in the target, ends in an error and not in a
// file somewhere else. Links on the way to the folder itself are the user's own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace agri::engine {

// Thread-safe after Open.
class TargetFolder {
   public:
    // An existing folder. The descriptor is kept, so that syncfs() later reports every write error
    // since now (Linux 5.8).
    static base::Result<TargetFolder> Open(const std::string& path);

    const std::string& path() const { return path_; }
    int fd() const { return fd_.get(); }
    // For messages: "<path>/<relative>".
    std::string Full(std::string_view relative) const;

    // `relative` is safe (repo::IsSafeRelativePath), or empty for the folder itself.
    base::Result<base::Fd> OpenFolder(std::string_view relative) const;
    // Makes the folder and those above it; one that is there is left as it is.
    base::Status MakeFolder(std::string_view relative, mode_t mode) const;
    base::Status MakeLink(std::string_view relative, const std::string& target) const;
    // Removes a file or link; OK when nothing is there.
    base::Status RemoveFile(std::string_view relative) const;
    // lstat; nullopt when nothing is there.
    base::Result<std::optional<struct stat>> Stat(std::string_view relative) const;
    // Whole file; kNotFound when it is missing, refused above `limit_bytes`.
    base::Result<base::Bytes> ReadFile(std::string_view relative, uint64_t limit_bytes) const;
    // Temporary name, write, fsync, rename, fsync of the folder; never through a link.
    base::Status WriteFile(std::string_view relative, base::ByteView content, mode_t mode) const;
    // Renames within the folder and makes that durable.
    base::Status Rename(std::string_view from, std::string_view to) const;

   private:
    std::string path_;
    base::Fd fd_;
};

// Splits "a/b/c" into "a/b" and "c".
struct SplitPath {
    std::string_view folder, name;
};
SplitPath SplitLast(std::string_view relative);

// Opens one folder within another; kConflict when it is a link or a file. `full` is for messages.
base::Result<base::Fd> OpenFolderStep(int parent_fd, const std::string& name,
                                      const std::string& full);

}  // namespace agri::engine

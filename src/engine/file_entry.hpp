// A file's metadata as the manifest keeps it: type, mode, owner, times, extended attributes.
#pragma once

#include <string>
#include <unordered_map>

#include "engine/file_walk.hpp"
#include "repo/format.pb.h"

namespace agri::engine {

// Turns numeric owners into names, asking the system once for each. Not thread-safe.
class OwnerNames {
   public:
    const std::string& User(uid_t uid);  // empty when unknown
    const std::string& Group(gid_t gid);

   private:
    std::unordered_map<uid_t, std::string> users_;
    std::unordered_map<gid_t, std::string> groups_;
};

// Everything but extended attributes, content and its CRC.
repo::format::FileEntry MakeFileEntry(const WalkedFile& file, OwnerNames& owners);

// What fstat tells anew once a file is open: size, mode, owner ids, time.
void SetFileFacts(const struct stat& info, repo::format::FileEntry& entry);

// Attributes that mean something elsewhere: user.* and POSIX ACLs; security labels belong to the
// machine. A file system without attributes, or a file gone meanwhile, has none. Errors name
// `path`.
base::Status ReadFileAttributes(int fd, const std::string& path, repo::format::FileEntry& entry);
base::Status ReadPathAttributes(const std::string& path, repo::format::FileEntry& entry);

}  // namespace agri::engine

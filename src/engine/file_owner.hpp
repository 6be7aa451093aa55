// Owners of restored files. Only root may give files away, so for anybody else they stay the
// caller's. Recorded names decide, not numbers: ids differ from machine to machine.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "repo/format.pb.h"

namespace agri::engine {

inline constexpr size_t kNameBufferBytes = 16384;  // for getpwnam_r() and its like

// Extended attributes that a backup keeps; the others belong to the machine.
bool IsPortableAttribute(std::string_view name);

struct FileOwner {
    uid_t uid = 0;
    gid_t gid = 0;
};

// Thread-safe.
class OwnerResolver {
   public:
    OwnerResolver();
    // nullopt: leave the file's owner as it is.
    std::optional<FileOwner> Resolve(const repo::format::FileEntry& entry);
    // Owners and groups that this machine does not know, as root; their files stay root's.
    std::vector<std::string> unknown() const;

   private:
    std::optional<uid_t> User(const std::string& name, uid_t recorded);
    std::optional<gid_t> Group(const std::string& name, gid_t recorded);

    const bool is_root_;
    mutable std::mutex mutex_;
    std::map<std::string, std::optional<uid_t>> users_;
    std::map<std::string, std::optional<gid_t>> groups_;
    std::set<std::string> unknown_;
};

// Mode, owner, times and extended attributes of an open file or folder. Attributes that the file
// system refuses are left out; everything else is an error that names `full_path`.
base::Status ApplyMetadata(int fd, const repo::format::FileEntry& entry,
                           const std::optional<FileOwner>& owner, const std::string& full_path);

}  // namespace agri::engine

// Remembers which folders are known to survive a power loss, with all that leads to them, so that a
// commit need not fsync every folder up to the root again. Keyed by file handles, which the kernel
// never gives to two folders in turn (inode numbers it does): a folder that somebody removed and
// made anew is another folder, and not known.
#pragma once

#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "storage/posix_calls.hpp"

namespace agri::storage {

// Thread-safe.
class DurableFolders {
   public:
    // Empty where the filesystem has no handles: such a folder is never known.
    static std::string IdentityOf(const PosixCalls& calls, int folder_fd);
    bool Contains(const std::string& identity) const;
    void Insert(std::vector<std::string> identities);

   private:
    mutable std::mutex mutex_;
    std::unordered_set<std::string> known_;
};

}  // namespace agri::storage

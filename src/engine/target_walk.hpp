// Moving about below a restore's target: a cursor for many files in few folders, and a walk over
// everything that is there. Neither follows links.
#pragma once

#include <functional>

#include "engine/target_folder.hpp"

namespace agri::engine {

// Keeps the last parent folder open: files come folder by folder. Not thread-safe.
class FolderCursor {
   public:
    // Descriptor of the folder that holds `relative`, valid until the next call.
    base::Result<int> ParentOf(const TargetFolder& folder, std::string_view relative);

   private:
    const TargetFolder* folder_ = nullptr;
    std::string parent_;
    base::Fd fd_;
};

// What a walk finds; children come before their folder.
struct FoundEntry {
    int parent_fd = -1;
    std::string path;  // relative to the target folder
    std::string name;
    struct stat info {};
};

// In the root of a mounted ext file system.
inline constexpr std::string_view kLostAndFound = "lost+found";

// Walks everything but lost+found below `start` (relative; empty: the whole folder), which may be
// missing. `visit` may remove what it is shown.
base::Status WalkTarget(const TargetFolder& folder, const std::string& start,
                        const std::function<base::Status(const FoundEntry&)>& visit);

}  // namespace agri::engine

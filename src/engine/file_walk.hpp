// Lists every file that belongs to a backup, in the manifest's order: by root, then by the bytes of
// the whole relative path. Memory is that of one chain of folders, whatever the number of files.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "base/cancel.hpp"
#include "base/log.hpp"
#include "engine/walk_plan.hpp"

namespace agri::engine {

struct WalkedFile {
    const WalkRoot* root = nullptr;
    std::string path;       // relative to the root; empty: the root itself
    std::string full_path;  // to open it
    repo::format::FileType type = repo::format::REGULAR;
    struct stat info {};
    std::string link_target;  // SYMLINK
};

struct WalkOptions {
    const base::CancelToken& cancel;
    base::Logger* log = nullptr;  // null: skips are not logged (for a walk that only counts)
};

// Calls `visit` for each file, folder and link; an error from it ends the walk. What vanishes
// meanwhile is left out; sockets, pipes and devices are left out with a warning. Not listed: what
// exclusions.hpp names, agri_backup/, the content of pg_wal, and files that are stored last:
// backup_label, tablespace_map and global/pg_control.
base::Status WalkFiles(const WalkPlan& plan, const WalkOptions& options,
                       const std::function<base::Status(WalkedFile)>& visit);

// Names of a folder in the order of their whole paths. A folder's content stands under its name and
// a slash: "a", "a.x", "a/…", "a0".
class SortedNames {
   public:
    enum class Part { kEntry, kContent };
    void Add(std::string_view name, Part part);
    void Sort();
    size_t size() const { return items_.size(); }
    std::string_view name(size_t i) const {
        return {bytes_.data() + items_[i].offset, items_[i].length};
    }
    Part part(size_t i) const { return items_[i].part; }

   private:
    struct Item {
        uint64_t offset;
        uint32_t length;
        Part part;
    };
    std::string bytes_;  // one buffer: a folder may hold a million names
    std::vector<Item> items_;
};

}  // namespace agri::engine

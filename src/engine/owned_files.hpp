// Files that the restore itself adds to a data directory: as root they become the cluster owner's,
// else PostgreSQL could not read them.
#pragma once

#include "engine/file_owner.hpp"
#include "engine/target_folder.hpp"

namespace agri::engine {

class OwnedFiles {
   public:
    OwnedFiles(const TargetFolder& folder, std::optional<FileOwner> owner, mode_t file_mode)
        : folder_(folder), owner_(owner), file_mode_(file_mode) {}
    // Durable on return.
    base::Status Write(std::string_view relative, base::ByteView content) const;
    base::Status MakeFolder(std::string_view relative) const;
    // A link, owned like the rest.
    base::Status MakeLink(std::string_view relative, const std::string& target) const;
    // Gives the owner to every folder below `relative` (files have their own).
    base::Status OwnFolders(const std::string& relative) const;
    // Owner and mode of an open file.
    base::Status Own(int fd, std::string_view relative) const;
    const TargetFolder& folder() const { return folder_; }

   private:
    base::Status OwnName(std::string_view relative) const;

    const TargetFolder& folder_;
    const std::optional<FileOwner> owner_;
    const mode_t file_mode_;
};

}  // namespace agri::engine

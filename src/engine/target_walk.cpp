#include "engine/target_walk.hpp"

#include <fcntl.h>

#include <vector>

#include "engine/folder.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::ErrorCode;
using base::Fd;
using base::MakeError;
using base::Result;
using base::Status;

Result<int> FolderCursor::ParentOf(const TargetFolder& folder, std::string_view relative) {
    const std::string_view parent = SplitLast(relative).folder;
    if (folder_ != &folder || parent_ != parent || !fd_) {
        AGRI_ASSIGN(fd_, folder.OpenFolder(parent));
        folder_ = &folder;
        parent_ = parent;
    }
    return fd_.get();
}

namespace {

constexpr size_t kMaxDepth = 128;

class Walk {
   public:
    Walk(const TargetFolder& folder, const std::function<Status(const FoundEntry&)>& visit)
        : folder_(folder), visit_(visit) {}

    Status Run(Fd fd, const std::string& path, size_t depth) {
        if (depth > kMaxDepth)
            return MakeError(ErrorCode::kConflict, "folder \"{}\" is nested too deeply",
                             folder_.Full(path));
        Folder listing(fdopendir(fd.get()));
        if (!listing) return Failed("read folder", path);
        fd.Release();
        // Listed first: a folder that loses entries while it is read may skip others.
        AGRI_ASSIGN(const std::vector<std::string> names, Names(listing.get(), path));
        for (const std::string& name : names) {
            // A mount point's own folder: root's, and none of ours.
            if (path.empty() && name == kLostAndFound) continue;
            FoundEntry entry{
                dirfd(listing.get()), path.empty() ? name : path + "/" + name, name, {}};
            if (fstatat(entry.parent_fd, name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) != 0)
                return Failed("stat", entry.path);
            if (S_ISDIR(entry.info.st_mode)) {
                AGRI_ASSIGN(Fd child,
                            OpenFolderStep(entry.parent_fd, name, folder_.Full(entry.path)));
                AGRI_TRY(Run(std::move(child), entry.path, depth + 1));
            }
            AGRI_TRY(visit_(entry));
        }
        return {};
    }

   private:
    base::Error Failed(std::string_view verb, const std::string& path) const {
        return ErrnoError(errno, fmt::format("could not {} \"{}\"", verb, folder_.Full(path)));
    }
    Result<std::vector<std::string>> Names(DIR* listing, const std::string& path) const {
        std::vector<std::string> names;
        for (errno = 0; const dirent* item = readdir(listing); errno = 0) {
            const std::string_view name = item->d_name;
            if (name != "." && name != "..") names.emplace_back(name);
        }
        if (errno != 0) return Failed("read folder", path);
        return names;
    }

    const TargetFolder& folder_;
    const std::function<Status(const FoundEntry&)>& visit_;
};

}  // namespace

Status WalkTarget(const TargetFolder& folder, const std::string& start,
                  const std::function<Status(const FoundEntry&)>& visit) {
    auto fd = folder.OpenFolder(start);
    if (!fd && fd.error().code == ErrorCode::kNotFound) return {};
    if (!fd) return std::move(fd).error();
    return Walk(folder, visit).Run(std::move(*fd), start, 0);
}

}  // namespace agri::engine

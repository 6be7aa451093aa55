#include "engine/owned_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "engine/target_walk.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::Status;

Status OwnedFiles::OwnName(std::string_view relative) const {
    if (!owner_) return {};
    const SplitPath split = SplitLast(relative);
    AGRI_ASSIGN(base::Fd parent, folder_.OpenFolder(split.folder));
    const std::string name(split.name.empty() ? "." : split.name);
    if (fchownat(parent.get(), name.c_str(), owner_->uid, owner_->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return ErrnoError(errno,
                          fmt::format("could not set the owner of \"{}\"", folder_.Full(relative)));
    return {};
}

Status OwnedFiles::Own(int fd, std::string_view relative) const {
    if (owner_ && fchown(fd, owner_->uid, owner_->gid) != 0)
        return ErrnoError(errno,
                          fmt::format("could not set the owner of \"{}\"", folder_.Full(relative)));
    if (fchmod(fd, file_mode_) != 0)
        return ErrnoError(errno,
                          fmt::format("could not set the mode of \"{}\"", folder_.Full(relative)));
    return {};
}

Status OwnedFiles::Write(std::string_view relative, base::ByteView content) const {
    AGRI_TRY(folder_.WriteFile(relative, content, file_mode_));
    return OwnName(relative);
}

Status OwnedFiles::MakeFolder(std::string_view relative) const {
    AGRI_TRY(folder_.MakeFolder(relative, 0700));
    return OwnName(relative);
}

Status OwnedFiles::MakeLink(std::string_view relative, const std::string& target) const {
    AGRI_TRY(folder_.MakeLink(relative, target));
    return OwnName(relative);
}

Status OwnedFiles::OwnFolders(const std::string& relative) const {
    AGRI_ASSIGN(const auto info, folder_.Stat(relative));
    if (!info) return {};
    AGRI_TRY(WalkTarget(folder_, relative, [&](const FoundEntry& entry) -> Status {
        return S_ISDIR(entry.info.st_mode) ? OwnName(entry.path) : Status{};
    }));
    return OwnName(relative);
}

}  // namespace agri::engine

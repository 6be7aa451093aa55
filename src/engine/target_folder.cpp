#include "engine/target_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace agri::engine {

using base::ErrnoError;
using base::ErrorCode;
using base::Fd;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr mode_t kMissingFolderMode = 0700;
constexpr std::string_view kUnfinished = ".agri_backup_tmp";

std::vector<std::string> Parts(std::string_view relative) {
    std::vector<std::string> parts;
    while (!relative.empty()) {
        const size_t slash = relative.find('/');
        parts.emplace_back(relative.substr(0, slash));
        relative.remove_prefix(slash == std::string_view::npos ? relative.size() : slash + 1);
    }
    return parts;
}

// ENOTDIR and ELOOP are what O_NOFOLLOW | O_DIRECTORY says of a link.
base::Error FolderError(int error_number, const std::string& full) {
    if (error_number == ELOOP || error_number == ENOTDIR)
        return MakeError(ErrorCode::kConflict,
                         "\"{}\" is a symbolic link or a file where a folder has to be", full)
            .WithHint(
                "Links below a restore's target are not followed; nothing was written there.");
    return ErrnoError(error_number, fmt::format("could not open folder \"{}\"", full));
}

Result<Fd> Duplicate(int fd, const std::string& path) {
    Fd copy = base::OpenAt(fd, ".", O_RDONLY | O_DIRECTORY);
    if (!copy) return ErrnoError(errno, fmt::format("could not open folder \"{}\"", path));
    return copy;
}

}  // namespace

Result<Fd> OpenFolderStep(int parent_fd, const std::string& name, const std::string& full) {
    Fd fd = base::OpenAt(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) return FolderError(errno, full);
    return fd;
}

SplitPath SplitLast(std::string_view relative) {
    const size_t slash = relative.rfind('/');
    if (slash == std::string_view::npos) return {{}, relative};
    return {relative.substr(0, slash), relative.substr(slash + 1)};
}

Result<TargetFolder> TargetFolder::Open(const std::string& path) {
    TargetFolder folder;
    folder.path_ = path;
    AGRI_ASSIGN(folder.fd_, base::OpenFile(path, O_RDONLY | O_DIRECTORY));
    return folder;
}

std::string TargetFolder::Full(std::string_view relative) const {
    return relative.empty() ? path_ : fmt::format("{}/{}", path_, relative);
}

Result<Fd> TargetFolder::OpenFolder(std::string_view relative) const {
    AGRI_ASSIGN(Fd fd, Duplicate(fd_.get(), path_));
    std::string full = path_;
    for (const std::string& part : Parts(relative)) {
        full += "/" + part;
        AGRI_ASSIGN(fd, OpenFolderStep(fd.get(), part, full));
    }
    return fd;
}

Status TargetFolder::MakeFolder(std::string_view relative, mode_t mode) const {
    AGRI_ASSIGN(Fd fd, Duplicate(fd_.get(), path_));
    std::string full = path_;
    const std::vector<std::string> parts = Parts(relative);
    for (size_t i = 0; i < parts.size(); ++i) {
        full += "/" + parts[i];
        const mode_t wanted = i + 1 == parts.size() ? mode : kMissingFolderMode;
        if (mkdirat(fd.get(), parts[i].c_str(), wanted) != 0 && errno != EEXIST)
            return ErrnoError(errno, fmt::format("could not create folder \"{}\"", full));
        AGRI_ASSIGN(fd, OpenFolderStep(fd.get(), parts[i], full));
    }
    return {};
}

Status TargetFolder::MakeLink(std::string_view relative, const std::string& target) const {
    const SplitPath split = SplitLast(relative);
    AGRI_ASSIGN(Fd parent, OpenFolder(split.folder));
    const std::string name(split.name);
    if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT)
        return ErrnoError(errno, fmt::format("could not remove \"{}\"", Full(relative)));
    if (symlinkat(target.c_str(), parent.get(), name.c_str()) != 0)
        return ErrnoError(errno,
                          fmt::format("could not create symbolic link \"{}\"", Full(relative)));
    return {};
}

Status TargetFolder::RemoveFile(std::string_view relative) const {
    const SplitPath split = SplitLast(relative);
    auto parent = OpenFolder(split.folder);
    if (!parent && parent.error().code == ErrorCode::kNotFound) return {};
    if (!parent) return std::move(parent).error();
    if (unlinkat(parent->get(), std::string(split.name).c_str(), 0) != 0 && errno != ENOENT)
        return ErrnoError(errno, fmt::format("could not remove \"{}\"", Full(relative)));
    return {};
}

Result<std::optional<struct stat>> TargetFolder::Stat(std::string_view relative) const {
    const SplitPath split = SplitLast(relative);
    auto parent = OpenFolder(split.folder);
    if (!parent && parent.error().code == ErrorCode::kNotFound) return std::optional<struct stat>();
    if (!parent) return std::move(parent).error();
    struct stat info {};
    const std::string name(split.name.empty() ? "." : split.name);
    if (fstatat(parent->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
        return std::optional(info);
    if (errno == ENOENT) return std::optional<struct stat>();
    return ErrnoError(errno, fmt::format("could not stat \"{}\"", Full(relative)));
}

Result<base::Bytes> TargetFolder::ReadFile(std::string_view relative, uint64_t limit_bytes) const {
    const SplitPath split = SplitLast(relative);
    const std::string full = Full(relative);
    AGRI_ASSIGN(Fd parent, OpenFolder(split.folder));
    AGRI_ASSIGN(Fd fd, base::OpenFileAt(parent.get(), std::string(split.name),
                                        O_RDONLY | O_NOFOLLOW, 0, full));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
        static_cast<uint64_t>(info.st_size) > limit_bytes)
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no file of a sensible size", full);
    base::Bytes content(static_cast<size_t>(info.st_size));
    AGRI_ASSIGN(const size_t read, base::ReadAt(fd.get(), 0, content, full));
    content.resize(read);
    return content;
}

Status TargetFolder::WriteFile(std::string_view relative, base::ByteView content,
                               mode_t mode) const {
    const std::string unfinished = std::string(relative) + std::string(kUnfinished);
    const SplitPath split = SplitLast(unfinished);
    AGRI_ASSIGN(Fd parent, OpenFolder(split.folder));
    const std::string name(split.name);
    const std::string full = Full(unfinished);
    unlinkat(parent.get(), name.c_str(), 0);
    AGRI_ASSIGN(Fd fd, base::OpenFileAt(parent.get(), name,
                                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, full));
    AGRI_TRY(base::WriteAll(fd.get(), content, full));
    if (fchmod(fd.get(), mode) != 0)
        return ErrnoError(errno, fmt::format("could not set the mode of \"{}\"", full));
    AGRI_TRY(base::SyncFile(fd.get(), full));
    return Rename(unfinished, relative);
}

Status TargetFolder::Rename(std::string_view from, std::string_view to) const {
    const SplitPath old_path = SplitLast(from), new_path = SplitLast(to);
    AGRI_ASSIGN(Fd old_parent, OpenFolder(old_path.folder));
    AGRI_ASSIGN(Fd new_parent, OpenFolder(new_path.folder));
    if (renameat(old_parent.get(), std::string(old_path.name).c_str(), new_parent.get(),
                 std::string(new_path.name).c_str()) != 0)
        return ErrnoError(errno,
                          fmt::format("could not rename \"{}\" to \"{}\"", Full(from), Full(to)));
    AGRI_TRY(base::SyncFile(new_parent.get(), Full(new_path.folder)));
    return base::SyncFile(old_parent.get(), Full(old_path.folder));
}

}  // namespace agri::engine

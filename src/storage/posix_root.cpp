// Walking from the root, making folders durable, and saying what a failed call means.
#include "storage/posix_root.hpp"

#include <fcntl.h>

#include <cerrno>

namespace agri::storage {

using base::Error;
using base::ErrorCode;
using base::Fd;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// The server behind a network or FUSE filesystem is away, or came back as another one.
bool IsUnreachable(int error_number) {
    switch (error_number) {
        case ESTALE:
        case ENODEV:
        case ENXIO:
        case EREMOTEIO:
        case ETIMEDOUT:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ENETUNREACH:
        case ECONNREFUSED:
        case ECONNRESET:
        case ENOTCONN:
        case ESHUTDOWN:
        case EAGAIN:
            return true;
        default:
            return false;
    }
}

Error Missing(std::string_view path, int error_number) {
    return base::ErrnoError(error_number,
                            fmt::format("could not open repository folder \"{}\"", path));
}

constexpr std::string_view kMountHint =
    "Check that the file system is mounted. Only \"agri_backup init\" creates a repository.";

constexpr std::string_view kAccessHint =
    "Let the user that the server runs as own the repository's folder and all in it, and enter the "
    "folders above.";

constexpr std::string_view kDescriptorHint =
    "No more files may be opened: raise the limit (ulimit -n, or LimitNOFILE of the server's "
    "unit).";

bool IsRefused(int error_number) { return error_number == EACCES || error_number == EPERM; }
bool IsOutOfDescriptors(int error_number) {
    return error_number == EMFILE || error_number == ENFILE;
}

}  // namespace

std::pair<std::string_view, std::string> SplitKey(std::string_view key) {
    size_t slash = key.rfind('/');
    if (slash == std::string_view::npos) return {{}, std::string(key)};
    return {key.substr(0, slash), std::string(key.substr(slash + 1))};
}

PosixRoot::PosixRoot(std::string path, PosixCalls calls, Fd fd, const struct stat& info)
    : path_(std::move(path)),
      calls_(std::move(calls)),
      fd_(std::move(fd)),
      device_(info.st_dev),
      inode_(info.st_ino),
      owner_(info.st_uid),
      group_(info.st_gid) {}

Result<std::shared_ptr<const PosixRoot>> PosixRoot::Open(std::string path, PosixCalls calls) {
    calls = Uninterrupted(std::move(calls));
    Fd fd(calls.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    struct stat info;
    if (!fd || calls.fstat(fd.get(), &info) != 0) {
        int error_number = errno;
        Error error = Missing(path, error_number);
        if (error_number == ENOENT || error_number == ENOTDIR)
            error.code = ErrorCode::kNotInitialized;
        if (IsUnreachable(error_number)) error.code = ErrorCode::kUnavailable;
        return std::move(error).WithHint(std::string(IsRefused(error_number) ? kAccessHint
                                                     : IsOutOfDescriptors(error_number)
                                                         ? kDescriptorHint
                                                         : kMountHint));
    }
    return std::shared_ptr<const PosixRoot>(
        new PosixRoot(std::move(path), std::move(calls), std::move(fd), info));
}

Status PosixRoot::CheckPresent() const {
    struct stat open_info, path_info;
    if (calls_.fstat(fd_.get(), &open_info) != 0) return Explain(errno, "examine", "");
    if (calls_.fstatat(AT_FDCWD, path_.c_str(), &path_info, 0) == 0) {
        if (open_info.st_nlink > 0 && path_info.st_dev == device_ && path_info.st_ino == inode_)
            return {};
    } else if (errno != ENOENT && errno != ENOTDIR) {
        return Explain(errno, "examine", "");
    }
    return MakeError(ErrorCode::kNotInitialized,
                     "repository folder \"{}\" was removed, unmounted or replaced", path_)
        .WithDetail("The path no longer leads to the folder that was opened.")
        .WithHint(std::string(kMountHint));
}

Result<std::optional<FolderChain>> PosixRoot::OpenChain(std::string_view folder,
                                                        MissingFolders missing) const {
    FolderChain chain;
    size_t start = 0;
    while (start < folder.size()) {
        size_t end = std::min(folder.find('/', start), folder.size());
        std::string name(folder.substr(start, end - start));
        auto fd = OpenComponent(FolderFd(chain), name, folder.substr(0, end), missing);
        if (!fd && missing == MissingFolders::kCreate) {
            (void)calls_.unlinkat(FolderFd(chain), name.c_str(), AT_REMOVEDIR);
            PruneFolders(chain, SplitKey(folder.substr(0, end)).first);
        }
        if (!fd) return std::move(fd).error();
        if (!*fd) return std::optional<FolderChain>();
        chain.push_back(std::move(**fd));
        start = end + 1;
    }
    return std::optional(std::move(chain));
}

Result<std::optional<Fd>> PosixRoot::OpenComponent(int parent_fd, const std::string& name,
                                                   std::string_view so_far,
                                                   MissingFolders missing) const {
    Fd fd = OpenIn(parent_fd, name, kFolderFlags);
    if (fd) return std::optional(std::move(fd));
    if (errno == ENOENT && missing == MissingFolders::kCreate) {
        // Only the owner may read: the objects are sealed, their names and sizes are not.
        if (calls_.mkdirat(parent_fd, name.c_str(), 0700) != 0 && errno != EEXIST)
            return JudgeComponent(errno, parent_fd, name, so_far, missing);
        fd = OpenIn(parent_fd, name, kFolderFlags);
        if (fd && GiveToOwner(fd.get())) return std::optional(std::move(fd));
    }
    return JudgeComponent(errno, parent_fd, name, so_far, missing);
}

Result<std::optional<Fd>> PosixRoot::JudgeComponent(int error_number, int parent_fd,
                                                    const std::string& name,
                                                    std::string_view so_far,
                                                    MissingFolders missing) const {
    if (error_number == ENOENT) {
        AGRI_TRY(CheckPresent());
        return std::optional<Fd>();
    }
    if (error_number != ENOTDIR && error_number != ELOOP)
        return Explain(error_number, "open folder", so_far);
    struct stat info;
    if (calls_.fstatat(parent_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
        return Explain(errno, "examine", so_far);
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return ForeignFile(info.st_mode, so_far);
    if (missing == MissingFolders::kReport) return std::optional<Fd>();
    return MakeError(ErrorCode::kConflict, "\"{}\" is an object where a folder is needed",
                     PathOf(so_far));
}

Status PosixRoot::SyncFolder(int fd, std::string_view folder) const {
    int result = calls_.fsync(fd);
    // A few filesystems know no fsync of folders; then the whole filesystem is synced.
    if (result != 0 && errno == EINVAL) result = calls_.syncfs(fd);
    if (result != 0) return Explain(errno, "fsync folder", folder);
    return {};
}

// Not just the folders that this process created: another writer may have created one of them a
// moment ago and not have synced its parent yet, or have died before. Each sync costs a flush of
// the disk's cache (4 ms on the developers' disk) even where nothing changed, so what is known is
// remembered.
Status PosixRoot::SyncChain(const FolderChain& chain, std::string_view folder) const {
    std::vector<std::string> synced;
    bool known = false;
    for (size_t i = chain.size(); i > 0 && !known; i--) {
        AGRI_TRY(SyncFolder(chain[i - 1].get(), folder));
        folder = SplitKey(folder).first;
        synced.push_back(DurableFolders::IdentityOf(calls_, chain[i - 1].get()));
        known = durable_folders_.Contains(synced.back());
    }
    if (!known) AGRI_TRY(SyncFolder(fd_.get(), ""));
    durable_folders_.Insert(std::move(synced));
    return {};
}

void PosixRoot::PruneFolders(const FolderChain& chain, std::string_view folder) const {
    for (size_t depth = chain.size(); depth > 0; depth--) {
        auto [parent, name] = SplitKey(folder);
        const int parent_fd = depth > 1 ? chain[depth - 2].get() : fd_.get();
        if (calls_.unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR) != 0) return;
        folder = parent;
    }
}

Fd PosixRoot::OpenIn(int folder_fd, const std::string& name, int flags, mode_t mode) const {
    return Fd(calls_.openat(folder_fd, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode));
}

bool PosixRoot::GiveToOwner(int fd) const {
    if (owner_ == 0 || calls_.geteuid() != 0) return true;
    return calls_.fchown(fd, owner_, group_) == 0;
}

Error PosixRoot::Explain(int error_number, std::string_view verb, std::string_view key) const {
    Error error =
        base::ErrnoError(error_number, fmt::format("could not {} \"{}\"", verb, PathOf(key)));
    if (IsUnreachable(error_number)) {
        error.code = ErrorCode::kUnavailable;
        error.hint = "Check the server behind the file system, and that it is mounted.";
    } else if (error_number == EROFS) {
        error.code = ErrorCode::kPermission;
        error.hint =
            "The file system is mounted read-only, perhaps after an error: see the kernel log.";
    } else if (error_number == ENOSPC || error_number == EDQUOT) {
        error.code = ErrorCode::kNoSpace;
        error.hint = "Free space in the repository's file system.";
    } else if (IsRefused(error_number)) {
        error.hint = kAccessHint;
    } else if (IsOutOfDescriptors(error_number)) {
        error.hint = kDescriptorHint;
    } else if (error_number == ELOOP) {
        return ForeignFile(S_IFLNK, key);
    }
    return error;
}

Error PosixRoot::ForeignFile(mode_t mode, std::string_view key) const {
    if (!S_ISLNK(mode))
        return MakeError(ErrorCode::kUnsupported, "\"{}\" is neither a plain file nor a folder",
                         PathOf(key))
            .WithHint("Nothing but the repository's own files may stand in its folder.");
    return MakeError(ErrorCode::kUnsupported, "\"{}\" is a symbolic link", PathOf(key))
        .WithDetail("Links inside a repository are never followed.")
        .WithHint("Move the whole repository instead, or use a bind mount.");
}

std::string PosixRoot::PathOf(std::string_view key) const {
    return key.empty() ? path_ : fmt::format("{}/{}", path_, key);
}

}  // namespace agri::storage

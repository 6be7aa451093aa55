// Files done right once: every short count and EINTR is handled, and a name appears only over
// content that fsync has accepted. A failed fsync is final for its descriptor (the kernel may have
// dropped the pages and forgotten the error), so a file that failed is removed and written anew.
#include "base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/random.hpp"

namespace agri::base {

namespace {

std::string ParentOf(const std::string& path) {
    std::string parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

std::string TemporaryNameBeside(const std::string& path) {
    std::array<std::byte, 8> unique;
    SystemRandom().Fill(unique);
    std::filesystem::path beside(path);
    beside.replace_filename(
        fmt::format("{}{}{}", kTemporaryPrefix, ToHex(unique), kTemporarySuffix));
    return beside.string();
}

// A written file under a temporary name; unlinked on destruction unless it got its own name.
class TemporaryFile {
   public:
    explicit TemporaryFile(const std::string& path) : name_(TemporaryNameBeside(path)) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (exists_) unlink(name_.c_str());
    }

    const std::string& name() const { return name_; }
    // It was renamed: nothing is left to remove.
    void Disown() { exists_ = false; }

    Status Write(ByteView data, mode_t mode) {
        AGRI_ASSIGN(fd_, OpenFile(name_, O_WRONLY | O_CREAT | O_EXCL, 0600));
        exists_ = true;
        // Set by hand, because the umask would narrow the mode given to open.
        if (mode != 0600 && fchmod(fd_.get(), mode) != 0)
            return ErrnoError(errno, fmt::format("could not set the mode of file \"{}\"", name_));
        return WriteAll(fd_.get(), data, name_);
    }
    Status Sync() { return SyncFile(fd_.get(), name_); }
    // Reports what only close(2) does on some network file systems (a quota met late).
    Status Close() {
        if (close(fd_.Release()) != 0 && errno != EINTR)
            return ErrnoError(errno, fmt::format("could not close file \"{}\"", name_));
        return {};
    }

   private:
    const std::string name_;
    Fd fd_;
    bool exists_ = false;
};

Status RenameOver(TemporaryFile& file, const std::string& path) {
    if (rename(file.name().c_str(), path.c_str()) != 0)
        return ErrnoError(errno,
                          fmt::format("could not rename file \"{}\" to \"{}\"", file.name(), path));
    file.Disown();
    return {};
}

// A link count of two proves that our link was made, although the reply said otherwise: an NFS
// client repeats a request whose reply was lost, and the repetition finds the first one's name.
bool WasLinked(const std::string& name) {
    struct stat status;
    return stat(name.c_str(), &status) == 0 && status.st_nlink == 2;
}

Status RenameIfAbsent(TemporaryFile& file, const std::string& path) {
    const char* from = file.name().c_str();
    if (renameat2(AT_FDCWD, from, AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
        file.Disown();
        return {};
    }
    // NFS, for one, has no RENAME_NOREPLACE; link(2) refuses an existing name everywhere.
    if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) {
        if (link(from, path.c_str()) == 0) return {};
        const int link_errno = errno;
        if (WasLinked(file.name())) return {};
        errno = link_errno;
    }
    return ErrnoError(errno, fmt::format("could not create file \"{}\"", path));
}

// Makes one directory of a path, or finds it there, and makes its entry durable.
Status CreateDirectoryEntry(const std::string& path) {
    if (mkdir(path.c_str(), 0700) == 0) return SyncDirectory(ParentOf(path));
    const int mkdir_errno = errno;
    struct stat status;
    // Whatever mkdir said (EEXIST, or EROFS on the way to a mount point), a directory will do.
    if (stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
        return ErrnoError(mkdir_errno, fmt::format("could not create directory \"{}\"", path));
    // A concurrent or killed process of ours may have made it and not come to the fsync. Others'
    // directories are not ours to sync, nor always readable.
    if (status.st_uid == geteuid()) return SyncDirectory(ParentOf(path));
    return {};
}

// Runs one read or write call until all is transferred, the call returns 0, or it fails.
template <class Span, class Call>
Result<size_t> Transfer(Span bytes, std::string_view failure, std::string_view path, Call call) {
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = call(bytes.subspan(done), done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return ErrnoError(errno, fmt::format("could not {} \"{}\"", failure, path));
        if (count == 0) break;
        done += static_cast<size_t>(count);
    }
    return done;
}

int Sync(int fd) {
    int outcome;
    do {
        outcome = fsync(fd);
    } while (outcome != 0 && errno == EINTR);
    return outcome;
}

Status AllWritten(Result<size_t> written, size_t wanted, std::string_view path) {
    if (!written) return std::move(written).error();
    // write(2) returning 0 has no errno; PostgreSQL reads it as a full disk too.
    if (*written < wanted)
        return ErrnoError(ENOSPC, fmt::format("could not write file \"{}\"", path));
    return {};
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        Reset();
        fd_ = other.Release();
    }
    return *this;
}

void Fd::Reset() {
    // On Linux the descriptor is gone even after EINTR: repeating would close somebody else's.
    if (fd_ >= 0) close(Release());
}

Fd OpenAt(int directory_fd, const std::string& name, int flags, mode_t mode) {
    int fd;
    do {
        fd = openat(directory_fd, name.c_str(), flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return Fd(fd);
}

Result<Fd> OpenFile(const std::string& path, int flags, mode_t mode) {
    return OpenFileAt(AT_FDCWD, path, flags, mode, path);
}

Result<Fd> OpenFileAt(int directory_fd, const std::string& name, int flags, mode_t mode,
                      std::string_view name_for_errors) {
    Fd fd = OpenAt(directory_fd, name, flags, mode);
    if (!fd) {
        const std::string_view verb = (flags & O_CREAT) != 0 ? "create" : "open";
        return ErrnoError(errno, fmt::format("could not {} file \"{}\"", verb, name_for_errors));
    }
    return fd;
}

Result<size_t> ReadSome(int fd, MutableBytes out, std::string_view path) {
    return Transfer(out, "read file", path,
                    [fd](MutableBytes rest, size_t) { return read(fd, rest.data(), rest.size()); });
}

Result<size_t> ReadAt(int fd, uint64_t offset, MutableBytes out, std::string_view path) {
    return Transfer(out, "read file", path, [fd, offset](MutableBytes rest, size_t done) {
        return pread(fd, rest.data(), rest.size(), static_cast<off_t>(offset + done));
    });
}

Status WriteAll(int fd, ByteView data, std::string_view path) {
    auto written = Transfer(data, "write file", path, [fd](ByteView rest, size_t) {
        return write(fd, rest.data(), rest.size());
    });
    return AllWritten(std::move(written), data.size(), path);
}

Status WriteAllAt(int fd, uint64_t offset, ByteView data, std::string_view path) {
    auto written = Transfer(data, "write file", path, [fd, offset](ByteView rest, size_t done) {
        return pwrite(fd, rest.data(), rest.size(), static_cast<off_t>(offset + done));
    });
    return AllWritten(std::move(written), data.size(), path);
}

Status SyncFile(int fd, std::string_view path) {
    if (Sync(fd) == 0) return {};
    return ErrnoError(errno, fmt::format("could not fsync file \"{}\"", path))
        .WithDetail("Data written to it may not be on disk.");
}

Status SyncDirectory(const std::string& path) {
    AGRI_ASSIGN(Fd fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
    if (Sync(fd.get()) == 0) return {};
    // Some file systems cannot sync a folder and say so; there is nothing more to be had from them
    // (PostgreSQL's fsync_fname_ext holds it the same way).
    if (errno == EBADF || errno == EINVAL) return {};
    return ErrnoError(errno, fmt::format("could not fsync directory \"{}\"", path))
        .WithDetail("Files created or renamed in it may not be on disk under their names.");
}

Status CreateDirectories(const std::string& path) {
    const std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
    std::filesystem::path prefix;
    for (const std::filesystem::path& part : whole) {
        prefix /= part;
        // The root, and the empty part that a trailing slash leaves.
        if (part.empty() || prefix == prefix.root_path()) continue;
        AGRI_TRY(CreateDirectoryEntry(prefix.string()));
    }
    return {};
}

Result<Bytes> ReadWholeFile(const std::string& path, uint64_t limit_bytes) {
    AGRI_ASSIGN(const Fd fd, OpenFile(path, O_RDONLY));
    // The size that fstat tells is not believed: the file may grow, and /proc tells none.
    constexpr size_t kStep = 64 * 1024;
    Bytes content;
    while (true) {
        const size_t held = content.size();
        content.resize(held + std::max(held, kStep));
        AGRI_ASSIGN(const size_t count,
                    ReadSome(fd.get(), MutableBytes(content).subspan(held), path));
        const bool at_end = held + count < content.size();
        content.resize(held + count);
        if (content.size() > limit_bytes)
            return MakeError(ErrorCode::kInvalidArgument, "file \"{}\" is larger than {} bytes",
                             path, limit_bytes);
        if (at_end) return content;
    }
}

Result<std::optional<Bytes>> ReadFileIfPresent(const std::string& path, uint64_t limit_bytes) {
    auto content = ReadWholeFile(path, limit_bytes);
    if (content) return std::optional(std::move(*content));
    if (content.error().code == ErrorCode::kNotFound) return std::optional<Bytes>();
    return std::move(content).error();
}

Result<std::string> RealPath(const std::string& path) {
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(path, error);
    if (!error) return real.string();
    if (error == std::errc::permission_denied)
        return std::filesystem::path(path).lexically_normal().string();
    return ErrnoError(error.value(), fmt::format("could not resolve \"{}\"", path));
}

Status ReplaceFile(const std::string& path, ByteView data, mode_t mode) {
    TemporaryFile file(path);
    AGRI_TRY(file.Write(data, mode));
    AGRI_TRY(file.Sync());
    AGRI_TRY(file.Close());
    AGRI_TRY(RenameOver(file, path));
    return SyncDirectory(ParentOf(path));
}

Status CreateFileExclusively(const std::string& path, ByteView data, mode_t mode) {
    TemporaryFile file(path);
    AGRI_TRY(file.Write(data, mode));
    AGRI_TRY(file.Sync());
    AGRI_TRY(file.Close());
    AGRI_TRY(RenameIfAbsent(file, path));
    return SyncDirectory(ParentOf(path));
}

Status ReplaceFileNoSync(const std::string& path, ByteView data, mode_t mode) {
    TemporaryFile file(path);
    AGRI_TRY(file.Write(data, mode));
    AGRI_TRY(file.Close());
    return RenameOver(file, path);
}

}  // namespace agri::base

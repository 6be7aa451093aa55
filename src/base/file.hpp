// The only door to files below storage/ and engine/: an owning descriptor and the few operations
// that must be right everywhere (full reads and writes through EINTR and short counts, durable
// creation, folder fsync). Every error names the path.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace agri::base {

inline constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// The files that this header writes under a temporary name are called PREFIX hex SUFFIX, beside
// their target. One found by a listing is being written, or was left by a crash.
inline constexpr std::string_view kTemporaryPrefix = ".agri-";
inline constexpr std::string_view kTemporarySuffix = ".tmp";

// Owns a file descriptor; closes it on destruction (close errors are irrelevant after fsync).
class Fd {
   public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.Release()) {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd() { Reset(); }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int Release() {
        int fd = fd_;
        fd_ = -1;
        return fd;
    }
    void Reset();

   private:
    int fd_ = -1;
};

// openat(2) with O_CLOEXEC, retried on EINTR; no descriptor is an errno for the caller to judge.
Fd OpenAt(int directory_fd, const std::string& name, int flags, mode_t mode = 0600);
// The same, judged.
Result<Fd> OpenFile(const std::string& path, int flags, mode_t mode = 0600);
// `name_for_errors` is what an error calls the file.
Result<Fd> OpenFileAt(int directory_fd, const std::string& name, int flags, mode_t mode,
                      std::string_view name_for_errors);
// Reads until `out` is full or end of file; returns the bytes read.
Result<size_t> ReadSome(int fd, MutableBytes out, std::string_view path);
// pread(2) until `out` is full or end of file; returns the bytes read.
Result<size_t> ReadAt(int fd, uint64_t offset, MutableBytes out, std::string_view path);
Status WriteAll(int fd, ByteView data, std::string_view path);
Status WriteAllAt(int fd, uint64_t offset, ByteView data, std::string_view path);
Status SyncFile(int fd, std::string_view path);
// fsync of a directory, so that its entries survive a power loss.
Status SyncDirectory(const std::string& path);
// Creates missing directories (mode 0700) and makes each new entry durable. The entries of existing
// directories of the same owner are synced too (whoever made them may have died before it did), so
// a caller with many files per directory remembers which ones it already asked for.
Status CreateDirectories(const std::string& path);
// The path without links, "." and "..": two names of one place become equal. What does not exist
// yet, and what this process may not look at, keeps its name.
Result<std::string> RealPath(const std::string& path);
// Whole file as bytes; refuses files above `limit_bytes`.
Result<Bytes> ReadWholeFile(const std::string& path, uint64_t limit_bytes);
// None when there is no such file. What may be there and cannot be read is an error.
Result<std::optional<Bytes>> ReadFileIfPresent(const std::string& path, uint64_t limit_bytes);
// Durable replacement: temporary name beside it, write, fsync, rename, fsync of the folder.
Status ReplaceFile(const std::string& path, ByteView data, mode_t mode);
// The same, but never over an existing file (kAlreadyExists).
Status CreateFileExclusively(const std::string& path, ByteView data, mode_t mode);
// The same as ReplaceFile without any fsync, for caches that may be lost with the power.
Status ReplaceFileNoSync(const std::string& path, ByteView data, mode_t mode);

}  // namespace agri::base

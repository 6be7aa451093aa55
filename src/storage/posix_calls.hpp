// The system calls that the posix driver makes, as a table: the driver's only door to the operating
// system, so that tests can make any one of them fail and see what a caller, and a disk after a
// power loss, would see. Every call keeps its own contract (errno, short counts).
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <functional>

namespace agri::storage {

// Copied into each storage; the functions are called from any thread.
struct PosixCalls {
    std::function<int(int directory_fd, const char* name, int flags, mode_t mode)> openat;
    std::function<int(int directory_fd, const char* name, mode_t mode)> mkdirat;
    std::function<int(int fd, uid_t owner, gid_t group)> fchown;
    std::function<uid_t()> geteuid;
    std::function<ssize_t(int fd, const void* data, size_t bytes)> write;
    std::function<ssize_t(int fd, void* out, size_t bytes, off_t offset)> pread;
    std::function<int(int fd)> fsync;
    std::function<int(int fd)> syncfs;
    std::function<int(int fd, struct stat* out)> fstat;
    std::function<int(int directory_fd, const char* name, struct stat* out, int flags)> fstatat;
    std::function<int(int from_fd, const char* from, int to_fd, const char* to, int flags)> linkat;
    std::function<int(int from_fd, const char* from, int to_fd, const char* to, unsigned flags)>
        renameat2;
    std::function<int(int directory_fd, const char* name, int flags)> unlinkat;
    std::function<struct dirent*(DIR* directory)> readdir;
    std::function<int(int fd, struct statvfs* out)> fstatvfs;
    std::function<int(int directory_fd, const char* name, struct file_handle* handle, int* mount_id,
                      int flags)>
        name_to_handle_at;
};

// The machine's own calls.
PosixCalls RealPosixCalls();

// The same calls, each repeated for as long as a signal interrupts it. Also those whose first
// attempt may have had its effect: their callers take EEXIST and ENOENT for an answer. And fsync:
// EINTR says that the wait was cut short, not that a write was lost (PostgreSQL's pg_fsync does the
// same).
PosixCalls Uninterrupted(PosixCalls calls);

}  // namespace agri::storage

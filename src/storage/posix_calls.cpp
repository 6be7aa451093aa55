// The table of real system calls, and the loop around them.
#include "storage/posix_calls.hpp"

#include <stdio.h>
#include <unistd.h>

#include <cerrno>

namespace agri::storage {

namespace {

template <class Value, class... Arguments>
void RepeatInterrupted(std::function<Value(Arguments...)>& call) {
    call = [call](Arguments... arguments) {
        Value result = call(arguments...);
        while (result == -1 && errno == EINTR) result = call(arguments...);
        return result;
    };
}

}  // namespace

PosixCalls RealPosixCalls() {
    PosixCalls calls;
    calls.openat = [](int directory_fd, const char* name, int flags, mode_t mode) {
        return ::openat(directory_fd, name, flags | O_CLOEXEC, mode);
    };
    calls.mkdirat = ::mkdirat;
    calls.fchown = ::fchown;
    calls.geteuid = ::geteuid;
    calls.write = ::write;
    calls.pread = ::pread;
    calls.fsync = ::fsync;
    calls.syncfs = ::syncfs;
    calls.fstat = ::fstat;
    calls.fstatat = ::fstatat;
    calls.linkat = ::linkat;
    calls.renameat2 = ::renameat2;
    calls.unlinkat = ::unlinkat;
    calls.readdir = ::readdir;
    calls.fstatvfs = ::fstatvfs;
    calls.name_to_handle_at = ::name_to_handle_at;
    return calls;
}

PosixCalls Uninterrupted(PosixCalls calls) {
    RepeatInterrupted(calls.openat);
    RepeatInterrupted(calls.mkdirat);
    RepeatInterrupted(calls.fchown);
    RepeatInterrupted(calls.write);
    RepeatInterrupted(calls.pread);
    RepeatInterrupted(calls.fsync);
    RepeatInterrupted(calls.syncfs);
    RepeatInterrupted(calls.fstat);
    RepeatInterrupted(calls.fstatat);
    RepeatInterrupted(calls.linkat);
    RepeatInterrupted(calls.renameat2);
    RepeatInterrupted(calls.unlinkat);
    RepeatInterrupted(calls.fstatvfs);
    RepeatInterrupted(calls.name_to_handle_at);
    return calls;
}

}  // namespace agri::storage

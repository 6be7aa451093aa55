// pidfd_open(2) has no wrapper in glibc 2.36. A pidfd is of that one process, whoever has its pid
// later.
#include "worker/postmaster_watch.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace agri::worker {

PostmasterWatch::PostmasterWatch(pid_t pid)
    : pid_(pid), pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {
    was_gone_ = !pidfd_ && errno == ESRCH;
}

bool PostmasterWatch::IsGone() const {
    if (was_gone_) return true;
    if (!pidfd_) return kill(pid_, 0) != 0 && errno == ESRCH;
    pollfd polled{pidfd_.get(), POLLIN, 0};
    return poll(&polled, 1, 0) > 0;
}

}  // namespace agri::worker

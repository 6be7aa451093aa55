// The wait sleeps on what can end it: the holder's end (its connection closes), the postmaster's, a
// signal. The short limit covers a holder that does not listen yet.
#include "worker/instance_lock.hpp"

#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "worker/archive_client.hpp"
#include "worker/message_channel.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using base::ErrorCode;
using base::Result;

namespace {

constexpr int kLookAgainMs = 200;

bool IsClosed(int control_fd) {
    pollfd polled{control_fd, POLLRDHUP, 0};
    return control_fd < 0 || (poll(&polled, 1, 0) > 0 && (polled.revents & (POLLRDHUP | POLLHUP)));
}

// Waits a moment, shorter when the holder closes its connection.
void WaitForHolder(const base::Fd& connection, const InstanceLock::Wait& wait) {
    std::array<pollfd, 3> polled{{{connection.get(), POLLRDHUP, 0},
                                  {wait.postmaster.fd(), POLLIN, 0},
                                  {wait.signal.fd(), POLLIN, 0}}};
    poll(polled.data(), polled.size(), kLookAgainMs);
}

bool HasEnded(const base::Fd& connection) {
    pollfd polled{connection.get(), POLLRDHUP, 0};
    return poll(&polled, 1, 0) > 0;
}

}  // namespace

Result<InstanceLock> InstanceLock::Acquire(const Wait& wait, base::Logger& log) {
    AGRI_ASSIGN(base::Fd file, base::OpenFile(kLockPath, O_RDWR | O_CREAT));
    base::Fd connection;
    bool told = false;
    while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK)
            return base::ErrnoError(errno, fmt::format("could not lock \"{}\"", kLockPath));
        if (wait.postmaster.IsGone())
            return base::Error(ErrorCode::kCancelled, "the server is gone");
        AGRI_TRY(wait.signal.Check());
        if (!told) log.info("waiting for an earlier archiving process to finish");
        told = true;
        if (connection && HasEnded(connection)) connection.Reset();
        if (!connection && !IsClosed(wait.control_fd)) connection = TellArchivingProcess("QUIT");
        WaitForHolder(connection, wait);
    }
    return InstanceLock(std::move(file));
}

}  // namespace agri::worker

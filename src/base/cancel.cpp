// Cancellation through an eventfd: once written it stays readable, so one write wakes every waiter
// for good, and write(2) is one of the few calls that a signal handler may make.
#include "base/cancel.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace agri::base {

CancelToken::CancelToken() : event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

CancelToken::~CancelToken() { close(event_fd_); }

void CancelToken::Cancel() noexcept {
    const int saved_errno = errno;
    cancelled_.store(true, std::memory_order_relaxed);
    const uint64_t one = 1;
    // Only a counter about to overflow refuses the write, and then the descriptor is readable.
    [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof(one));
    errno = saved_errno;
}

Status CancelToken::Check() const {
    if (IsCancelled()) return Error(ErrorCode::kCancelled, "the operation was cancelled");
    return {};
}

Status CancelToken::WaitFor(std::chrono::milliseconds duration) const {
    using std::chrono::milliseconds;
    using std::chrono::steady_clock;
    // poll's timeout is an int: longer waits are made of slices. This also keeps the deadline's
    // arithmetic from overflowing for a "for ever".
    constexpr milliseconds kSlice = std::chrono::hours(24);
    steady_clock::time_point last = steady_clock::now();
    auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::min<milliseconds>(duration, std::chrono::hours(24 * 365 * 100)));
    while (true) {
        AGRI_TRY(Check());
        if (left.count() <= 0) return {};
        // Rounded up, or the last fraction of a millisecond would be spent spinning.
        const milliseconds timeout = std::min(std::chrono::ceil<milliseconds>(left), kSlice);
        pollfd waiting{event_fd_, POLLIN, 0};
        const int ready = poll(&waiting, 1, static_cast<int>(timeout.count()));
        if (ready < 0 && errno != EINTR) return ErrnoError(errno, "could not wait");
        const steady_clock::time_point now = steady_clock::now();
        left -= now - last;
        last = now;
    }
}

}  // namespace agri::base

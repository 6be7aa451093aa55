// Cooperative cancellation: one token is shared by everything a job does; long loops ask Check(),
// waits use WaitFor(). Setting it is async-signal-safe.
#pragma once

#include <atomic>
#include <chrono>

#include "base/error.hpp"

namespace agri::base {

class CancelToken {
   public:
    CancelToken();
    ~CancelToken();
    CancelToken(const CancelToken&) = delete;
    CancelToken& operator=(const CancelToken&) = delete;

    // Async-signal-safe and idempotent.
    void Cancel() noexcept;
    bool IsCancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
    // kCancelled once Cancel() was called.
    Status Check() const;
    // Waits until the duration passed (OK) or the token is cancelled (kCancelled), whichever first.
    Status WaitFor(std::chrono::milliseconds duration) const;
    // Readable (poll) once cancelled; owned by the token.
    int fd() const { return event_fd_; }

   private:
    std::atomic<bool> cancelled_{false};
    int event_fd_ = -1;
};

}  // namespace agri::base

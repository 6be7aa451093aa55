// The bucket's arithmetic; the lock is never held while waiting.
#include "storage/rate_limiter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace agri::storage {

using std::chrono::milliseconds;

RateLimiter::RateLimiter(uint64_t bytes_per_second, uint64_t burst_bytes, const base::Clock& clock,
                         Waiter wait)
    : bytes_per_second_(static_cast<double>(bytes_per_second)),
      burst_bytes_(static_cast<double>(burst_bytes)),
      clock_(clock),
      wait_(std::move(wait)),
      available_bytes_(burst_bytes_),
      refilled_(clock.Monotonic()) {}

base::Status RateLimiter::Acquire(uint64_t bytes) {
    if (bytes_per_second_ == 0 || bytes == 0) return {};
    milliseconds delay = Reserve(bytes);
    if (delay.count() == 0) return {};
    return wait_(delay);
}

milliseconds RateLimiter::Reserve(uint64_t bytes) {
    std::lock_guard lock(mutex_);
    base::MonotonicTime now = clock_.Monotonic();
    double seconds = std::chrono::duration<double>(now - refilled_).count();
    refilled_ = now;
    available_bytes_ = std::min(burst_bytes_, available_bytes_ + seconds * bytes_per_second_);
    available_bytes_ -= static_cast<double>(bytes);
    if (available_bytes_ >= 0) return milliseconds(0);
    return milliseconds(
        static_cast<int64_t>(std::ceil(-available_bytes_ / bytes_per_second_ * 1000)));
}

uint64_t RateLimiter::slice_bytes() const {
    if (bytes_per_second_ == 0) return std::numeric_limits<uint64_t>::max();
    return std::max<uint64_t>(64 << 10, static_cast<uint64_t>(bytes_per_second_ / 10));
}

}  // namespace agri::storage

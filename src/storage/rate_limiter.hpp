// A token bucket over bytes, shared by any number of streams: together they stay below the rate. A
// request larger than the bucket is granted as a debt that it waits off first, so a rate below one
// request's size works too.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "storage/waiting.hpp"

namespace agri::storage {

// Thread-safe. The clock must outlive it.
class RateLimiter {
   public:
    // `bytes_per_second` of 0 means no limit. `burst_bytes` may pass at once after idleness.
    RateLimiter(uint64_t bytes_per_second, uint64_t burst_bytes, const base::Clock& clock,
                Waiter wait);
    // Returns when `bytes` may pass; kCancelled when the wait was cancelled (they count as passed:
    // whoever is cancelled does not come back).
    base::Status Acquire(uint64_t bytes);
    // A good size to cut a large write into: a tenth of a second's worth, so that it flows evenly.
    // At least 64 KiB; unlimited when there is no limit.
    uint64_t slice_bytes() const;

   private:
    std::chrono::milliseconds Reserve(uint64_t bytes);

    const double bytes_per_second_;
    const double burst_bytes_;
    const base::Clock& clock_;
    const Waiter wait_;
    std::mutex mutex_;
    double available_bytes_;  // negative while requests wait
    base::MonotonicTime refilled_;
};

}  // namespace agri::storage

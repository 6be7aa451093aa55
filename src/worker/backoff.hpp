// When to try again what failed: for ever, after 1 s, 2 s, 4 s … 60 s, each wait shortened at
// random by up to half, so that many servers do not knock together at a storage that comes back.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace agri::worker {

struct BackoffOptions {
    std::chrono::milliseconds first{1000};
    std::chrono::milliseconds longest{60000};
};

class Backoff {
   public:
    explicit Backoff(BackoffOptions options) : options_(options), next_(options.first) {}

    // Notes a failure; returns when to try again.
    base::MonotonicTime Fail(base::MonotonicTime now, base::Random& random) {
        std::array<std::byte, 4> bytes;
        random.Fill(bytes);
        const auto half = std::chrono::microseconds(next_) / 2;
        const auto wait = half + half * base::LoadLe<uint32_t>(bytes.data()) / UINT32_MAX;
        next_ = std::min(next_ * 2, options_.longest);
        due_ = now + std::chrono::duration_cast<base::MonotonicTime::duration>(wait);
        return due_;
    }
    // An operator asked, or something changed: try at once, and start anew with short waits.
    void Hurry(base::MonotonicTime now) {
        due_ = std::min(due_, now);
        next_ = options_.first;
    }
    base::MonotonicTime due() const { return due_; }

   private:
    BackoffOptions options_;
    std::chrono::milliseconds next_;
    base::MonotonicTime due_{};
};

}  // namespace agri::worker

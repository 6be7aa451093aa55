// Time and chance under a test's control: waiting advances the clock and is written down.
#pragma once

#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "storage/waiting.hpp"

namespace agri::test {

// Thread-safe. Starts well away from zero, where subtractions would go unnoticed.
class ManualClock final : public base::Clock {
   public:
    base::WallTime Now() const override {
        std::lock_guard lock(mutex_);
        return base::WallTime(std::chrono::hours(480000)) +
               std::chrono::duration_cast<std::chrono::microseconds>(elapsed_);
    }
    base::MonotonicTime Monotonic() const override {
        std::lock_guard lock(mutex_);
        return base::MonotonicTime(std::chrono::hours(1000)) + elapsed_;
    }
    void Advance(std::chrono::milliseconds duration) {
        std::lock_guard lock(mutex_);
        elapsed_ += duration;
    }

   private:
    mutable std::mutex mutex_;
    std::chrono::milliseconds elapsed_{0};
};

// Waits by advancing a clock; cancels itself at the wait number `cancel_at` (0: never).
class ManualWaits {
   public:
    explicit ManualWaits(ManualClock& clock) : clock_(clock) {}
    storage::Waiter waiter() {
        return [this](std::chrono::milliseconds duration) -> base::Status {
            std::lock_guard lock(mutex_);
            waits_.push_back(duration);
            if (waits_.size() == cancel_at)
                return base::MakeError(base::ErrorCode::kCancelled, "cancelled by the test");
            clock_.Advance(duration);
            return {};
        };
    }
    std::vector<std::chrono::milliseconds> waits() const {
        std::lock_guard lock(mutex_);
        return waits_;
    }
    std::chrono::milliseconds total() const {
        std::chrono::milliseconds sum{0};
        for (auto wait : waits()) sum += wait;
        return sum;
    }

    size_t cancel_at = 0;

   private:
    ManualClock& clock_;
    mutable std::mutex mutex_;
    std::vector<std::chrono::milliseconds> waits_;
};

// Always the same byte: 0xff draws high, 0x00 draws zero.
class ConstantRandom final : public base::Random {
   public:
    explicit ConstantRandom(std::byte value) : value_(value) {}
    void Fill(base::MutableBytes out) override { std::fill(out.begin(), out.end(), value_); }

   private:
    const std::byte value_;
};

}  // namespace agri::test

// When to ask again: after kUnavailable until a deadline, after kIo on a read a few times, never
// after anything else. Capped exponential back-off with full jitter, so that the many clients of a
// storage that comes back don't all knock at once.
#pragma once

#include <chrono>
#include <functional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "storage/waiting.hpp"

namespace agri::storage {

struct RetryOptions {
    std::chrono::milliseconds first_delay{200};      // upper bound of the first wait
    std::chrono::milliseconds longest_delay{30000};  // and of any
    // No attempt is started later than this after the first one; whoever retries for ever does so
    // above, where it can also be seen and reported.
    std::chrono::milliseconds deadline{300000};
    // Attempts at a read that fails with kIo: a bad sector stays bad, a loose cable may not.
    int io_read_attempts = 3;
    // Told of each failure after which it waits; called from any thread.
    std::function<void(const base::Error&)> on_wait;
};

enum class Retrying { kRead, kIdempotentWrite };

// Thread-safe when its clock, randomness and waiter are. Refers to clock and randomness, which must
// outlive it.
class RetryPolicy {
   public:
    RetryPolicy(RetryOptions options, const base::Clock& clock, base::Random& random, Waiter wait)
        : options_(options), clock_(clock), random_(random), wait_(std::move(wait)) {}

    // Calls `attempt` until it succeeds, fails for good or time is up; returns its last result, or
    // kCancelled. The error of a given-up attempt says for how long it was tried.
    template <class T>
    base::Result<T> Run(Retrying kind, const std::function<base::Result<T>()>& attempt) const {
        Series series{kind, clock_.Monotonic()};
        while (true) {
            base::Result<T> result = attempt();
            if (result || !ShallRetry(series, result.error())) return result;
            if (options_.on_wait) options_.on_wait(result.error());
            base::Status waited = Wait(series);
            if (!waited) return std::move(waited).error();
        }
    }

   private:
    struct Series {
        Retrying kind;
        base::MonotonicTime start;
        int failures = 0;
        std::chrono::milliseconds next_delay{0};
    };
    bool ShallRetry(Series& series, base::Error& error) const;
    base::Status Wait(const Series& series) const;

    const RetryOptions options_;
    const base::Clock& clock_;
    base::Random& random_;
    const Waiter wait_;
};

}  // namespace agri::storage

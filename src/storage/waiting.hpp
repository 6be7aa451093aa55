// How a decorator passes time: injected, so that tests advance a clock by hand and never sleep.
#pragma once

#include <chrono>
#include <functional>

#include "base/cancel.hpp"
#include "base/error.hpp"

namespace agri::storage {

// Returns OK after the duration, kCancelled as soon as the work is cancelled. Called from any
// thread.
using Waiter = std::function<base::Status(std::chrono::milliseconds)>;

// Really waits; the token must outlive the waiter.
inline Waiter WaitOn(const base::CancelToken& cancel) {
    return [&cancel](std::chrono::milliseconds duration) { return cancel.WaitFor(duration); };
}

}  // namespace agri::storage

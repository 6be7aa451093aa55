// What the long-running processes are handed instead of reaching for it: clocks, randomness, the
// log, and the token that SIGTERM cancels.
#pragma once

#include "base/cancel.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"

namespace agri::worker {

// Refers to members that outlive the process's work.
struct Environment {
    const base::Clock& clock;
    base::Random& random;
    base::LoggerPtr log;
    const base::CancelToken& stop;
};

}  // namespace agri::worker

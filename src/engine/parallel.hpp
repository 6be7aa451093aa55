// Runs a loop's iterations on several threads. The first error ends it; nothing thrown leaves a
// thread.
#pragma once

#include <cstdint>
#include <functional>

#include "base/error.hpp"

namespace agri::engine {

// Calls `body` for every index below `count`, each once, in about ascending order, from at most
// `threads` threads (the caller's is one of them). `body` is shared: it must be thread-safe.
base::Status ParallelFor(uint64_t count, uint32_t threads,
                         const std::function<base::Status(uint64_t)>& body);

// Runs `body` and turns what it throws into kInternal.
base::Status RunGuarded(const std::function<base::Status()>& body);

}  // namespace agri::engine

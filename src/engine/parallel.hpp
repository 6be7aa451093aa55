// Runs a loop's iterations on several threads. The first error ends it; nothing thrown leaves a
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <system_error>
#include <vector>

#include "base/error.hpp"

namespace agri::engine {

// Calls `body` for every index below `count`, each once, in about ascending order, from at most
// `threads` threads (the caller's is one of them). `body` is shared: it must be thread-safe.
base::Status ParallelFor(uint64_t count, uint32_t threads,
                         const std::function<base::Status(uint64_t)>& body);

// Runs `body` and turns what it throws into kInternal.
base::Status RunGuarded(const std::function<base::Status()>& body);

// Starts `count` threads that run `body`, or as many as the system allows: at least one.
template <class Thread, class Body>
base::Status StartThreads(std::vector<Thread>& threads, uint32_t count, const Body& body) {
    try {
        while (threads.size() < count) threads.emplace_back(body);
    } catch (const std::system_error& failed) {
        if (threads.empty())
            return base::MakeError(base::ErrorCode::kUnavailable, "could not start a thread: {}",
                                   failed.what())
                .WithHint(
                    "Raise the limit of this user's processes (ulimit -u, TasksMax of the "
                    "service), or end some of them.");
    }
    return {};
}

}  // namespace agri::engine

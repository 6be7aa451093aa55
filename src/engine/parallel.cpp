#include "engine/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace agri::engine {

using base::Status;

Status RunGuarded(const std::function<Status()>& body) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return base::Error(base::ErrorCode::kInternal, "out of memory");
    } catch (const std::exception& thrown) {
        return base::MakeError(base::ErrorCode::kInternal, "unexpected failure: {}", thrown.what());
    }
}

Status ParallelFor(uint64_t count, uint32_t threads, const std::function<Status(uint64_t)>& body) {
    std::atomic<uint64_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    Status first_error;
    const auto work = [&] {
        for (uint64_t i = next++; i < count && !failed; i = next++) {
            Status status = RunGuarded([&] { return body(i); });
            if (status) continue;
            std::lock_guard lock(mutex);
            if (!failed.exchange(true)) first_error = std::move(status);
        }
    };
    std::vector<std::jthread> others;
    const uint64_t wanted = std::min<uint64_t>(std::max(threads, 1u), count);
    // Without others this thread does it all.
    (void)StartThreads(others, static_cast<uint32_t>(wanted - std::min<uint64_t>(wanted, 1)), work);
    work();
    others.clear();
    return first_error;
}

}  // namespace agri::engine

// Holds a lease for the length of a job: renews it from a thread of its own, and tells the job when
// it is lost.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include "engine/first_error.hpp"
#include "repo/lease.hpp"

namespace agri::engine {

// What an error of a lost lease begins with.
inline constexpr std::string_view kLeaseLost = "the backup lost its lease";

class LeaseKeeper {
   public:
    // Takes over an acquired lease. Sets `failure` once the lease is taken over by somebody else,
    // or could not be renewed for its whole time to live.
    LeaseKeeper(std::unique_ptr<repo::LeaseGuard> lease, std::chrono::milliseconds time_to_live,
                FirstError& failure);
    // Renews it now. On success nobody else had the lease between its acquiring and this call,
    // however long this process slept meanwhile. Thread-safe.
    base::Status Confirm();
    // Releases it.
    ~LeaseKeeper();
    LeaseKeeper(const LeaseKeeper&) = delete;
    LeaseKeeper& operator=(const LeaseKeeper&) = delete;

   private:
    void Keep() noexcept;
    void KeepUntilStopped();

    std::mutex lease_mutex_;  // of what lease_ points to
    std::unique_ptr<repo::LeaseGuard> lease_;
    const std::chrono::milliseconds time_to_live_;
    FirstError& failure_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace agri::engine

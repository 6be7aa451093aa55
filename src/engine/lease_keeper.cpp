#include "engine/lease_keeper.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;

LeaseKeeper::LeaseKeeper(std::unique_ptr<repo::LeaseGuard> lease,
                         std::chrono::milliseconds time_to_live, FirstError& failure)
    : lease_(std::move(lease)), time_to_live_(time_to_live), failure_(failure) {
    thread_ = std::thread([this] { Keep(); });
}

LeaseKeeper::~LeaseKeeper() {
    {
        std::lock_guard lock(mutex_);
        is_stopping_ = true;
        stopped_.notify_all();
    }
    thread_.join();
    // A lease that cannot be released now expires.
    (void)lease_->Release();
}

base::Status LeaseKeeper::Confirm() {
    std::lock_guard lock(lease_mutex_);
    return lease_->Renew();
}

void LeaseKeeper::Keep() noexcept {
    try {
        KeepUntilStopped();
    } catch (const std::exception& broken) {
        failure_.Set(
            MakeError(ErrorCode::kInternal, "renewing the lease failed: {}", broken.what()));
    }
}

void LeaseKeeper::KeepUntilStopped() {
    auto renewed_at = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!stopped_.wait_for(lock, time_to_live_ / 3, [this] { return is_stopping_; })) {
        lock.unlock();
        base::Status renewed = Confirm();
        lock.lock();
        const auto now = std::chrono::steady_clock::now();
        if (renewed) {
            renewed_at = now;
        } else if (renewed.error().code == ErrorCode::kConflict ||
                   now - renewed_at >= time_to_live_) {
            failure_.Set(std::move(renewed).error().In(kLeaseLost));
            return;
        }
    }
}

}  // namespace agri::engine

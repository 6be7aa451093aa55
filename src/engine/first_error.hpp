// The one error that ends a job of several threads: the first counts, the others are its echoes.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "base/error.hpp"

namespace agri::engine {

// Thread-safe.
class FirstError {
   public:
    void Set(base::Error error) {
        std::lock_guard lock(mutex_);
        if (error_) return;
        error_ = std::move(error);
        is_set_.store(true, std::memory_order_release);
    }
    bool IsSet() const { return is_set_.load(std::memory_order_acquire); }
    // OK, or the first error.
    base::Status Check() const {
        if (!IsSet()) return {};
        std::lock_guard lock(mutex_);
        return *error_;
    }

   private:
    std::atomic<bool> is_set_{false};
    mutable std::mutex mutex_;
    std::optional<base::Error> error_;
};

}  // namespace agri::engine

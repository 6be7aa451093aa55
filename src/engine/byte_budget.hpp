// A bound on memory that several threads share: each takes what its buffer needs, and waits when
// the others hold too much.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/cancel.hpp"

namespace agri::engine {

// Thread-safe.
class ByteBudget {
   public:
    // Gives the bytes back on destruction.
    class Hold {
       public:
        Hold(ByteBudget& budget, uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
        Hold(Hold&& other) noexcept : budget_(other.budget_), bytes_(other.bytes_) {
            other.budget_ = nullptr;
        }
        Hold& operator=(Hold&&) = delete;
        ~Hold() {
            if (budget_ != nullptr) budget_->GiveBack(bytes_);
        }

       private:
        ByteBudget* budget_;
        uint64_t bytes_;
    };

    // Waits until the sum stays within `limit`; a single holder may exceed it (or nothing larger
    // than the limit could ever be done). kCancelled when cancelled meanwhile.
    base::Result<Hold> Take(uint64_t bytes, uint64_t limit, const base::CancelToken& cancel);

   private:
    void GiveBack(uint64_t bytes);

    std::mutex mutex_;
    std::condition_variable freed_;
    uint64_t held_ = 0;
};

}  // namespace agri::engine

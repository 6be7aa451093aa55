#include "engine/byte_budget.hpp"

namespace agri::engine {

namespace {

// How late a cancellation may be noticed.
constexpr std::chrono::milliseconds kBudgetLook{100};

}  // namespace

base::Result<ByteBudget::Hold> ByteBudget::Take(uint64_t bytes, uint64_t limit,
                                                const base::CancelToken& cancel) {
    std::unique_lock lock(mutex_);
    while (held_ != 0 && held_ + bytes > limit) {
        AGRI_TRY(cancel.Check());
        freed_.wait_for(lock, kBudgetLook);
    }
    held_ += bytes;
    return Hold(*this, bytes);
}

void ByteBudget::GiveBack(uint64_t bytes) {
    std::lock_guard lock(mutex_);
    held_ -= bytes;
    freed_.notify_all();
}

}  // namespace agri::engine

// Where the parts of a verification put what they find. Only the caller's function sees findings,
// one at a time, whichever thread found them.
#pragma once

#include <mutex>

#include "engine/verify.hpp"

namespace agri::engine {

// Thread-safe.
class VerifyReport {
   public:
    explicit VerifyReport(const std::function<void(const Finding&)>& on_finding)
        : on_finding_(on_finding) {}

    void Add(const Finding& finding) {
        std::lock_guard lock(mutex_);
        ++count_;
        if (on_finding_) on_finding_(finding);
    }
    // A damaged object as a finding; what hinders verifying itself (storage that cannot be reached,
    // a cancelled job) comes back as the error that it is.
    base::Status AddError(const std::string& backup_id, const std::string& object,
                          base::Error error);
    uint64_t count() const {
        std::lock_guard lock(mutex_);
        return count_;
    }

   private:
    const std::function<void(const Finding&)>& on_finding_;
    mutable std::mutex mutex_;
    uint64_t count_ = 0;
};

inline constexpr std::string_view kSeverityError = "error";
inline constexpr std::string_view kSeverityWarning = "warning";

}  // namespace agri::engine

// Expiring, fenced leases: who runs a backup now. Sequences only grow, each put-if-absent, so a
// holder that was suspended past its lease can no longer renew. No step trusts a client's clock: a
// waiter watches the sequence on its own monotonic clock.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "repo/machine.hpp"
#include "repo/repository.hpp"
#include "storage/waiting.hpp"

namespace agri::repo {

struct LeaseOptions {
    std::string name;     // "backup"
    std::string purpose;  // shown to whoever finds it taken: "full backup 20261122T…"
    std::chrono::milliseconds time_to_live{60000};
    // Whether to watch a holder until its time to live passed without renewal, or to return kBusy.
    bool wait_for_expiry = false;
    // With `wait_for_expiry`: kBusy at once where the holder is seen at work on this machine.
    bool yield_to_working = false;
    // How the watcher waits; empty: an uninterruptible sleep.
    storage::Waiter wait;
    const ProcessTable* processes = &SystemProcessTable();
};

// Not thread-safe. Release() or destruction gives it back (best effort; it expires anyway).
class LeaseGuard {
   public:
    // kBusy names holder's host, pid, purpose and since when. A holder on this very machine whose
    // process is certainly dead (boot id, pid, start ticks) is succeeded at once; another one only
    // after its time to live was watched to pass without renewal (waits at most that long when
    // `wait_for_expiry`, else kBusy at once). A holder that is seen at work here is never waited
    // for.
    static base::Result<std::unique_ptr<LeaseGuard>> Acquire(const Incarnation& incarnation,
                                                             const LeaseOptions& options,
                                                             const base::Clock& clock,
                                                             base::Random& random);
    ~LeaseGuard();
    LeaseGuard(const LeaseGuard&) = delete;
    LeaseGuard& operator=(const LeaseGuard&) = delete;
    // Call at least every third of the time to live. kConflict: it was taken over; stop at once.
    // Any other error: storage failed, and the call may be repeated.
    base::Status Renew();
    // Idempotent. kConflict when somebody had taken it over.
    base::Status Release();
    // Who holds it now, for messages and views; nullopt when free.
    static base::Result<std::optional<format::Lease>> Holder(const Incarnation& incarnation,
                                                             std::string_view name);

   private:
    struct State;
    explicit LeaseGuard(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace agri::repo

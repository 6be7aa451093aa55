// A lease is a series of records of which the highest is in force. Whoever puts the next one must
// find it the highest afterwards: only records below the highest are ever removed, so one who slept
// and puts an old number again sees a higher one and gives way.
#include "repo/lease.hpp"

#include <algorithm>
#include <span>

#include "base/cancel.hpp"
#include "repo/record.hpp"

namespace agri::repo {

namespace {

using base::ErrorCode;
using base::MakeError;
using std::chrono::milliseconds;

constexpr size_t kHolderIdBytes = 16;
constexpr int kLooksPerTimeToLive = 8;
constexpr milliseconds kShortestWait{10};

struct Standing {
    uint64_t sequence = 0;  // 0: no record
    format::Lease lease;

    bool IsFree() const { return sequence == 0 || lease.released(); }
};

base::Result<Standing> Look(const Incarnation& incarnation, std::string_view name) {
    AGRI_ASSIGN(auto highest, GetHighest<format::Lease>(incarnation.repository(),
                                                        incarnation.keys().LeaseFolder(name)));
    if (!highest) return Standing{};
    return Standing{highest->first, std::move(highest->second)};
}

base::Error Busy(const Incarnation& incarnation, std::string_view name,
                 const format::Lease& holder) {
    base::WallTime since{std::chrono::microseconds(holder.since_us())};
    return MakeError(ErrorCode::kBusy,
                     "lease \"{}\" of cluster \"{}\" is held by process {} on host \"{}\" since {}",
                     name, incarnation.cluster(), holder.pid(), holder.host(),
                     base::FormatTime(since))
        .WithDetail(fmt::format("It is held for: {}.", holder.purpose()))
        .WithHint(
            fmt::format("Wait for it to end. If that process is gone, the lease ends {} seconds "
                        "after its last renewal; nothing has to be removed by hand.",
                        (holder.time_to_live_ms() + 999) / 1000));
}

ProcessIdentity ProcessOf(const format::Lease& lease) {
    return {lease.host(), lease.boot_id(), lease.pid(), lease.pid_start_ticks()};
}

format::Lease NewLease(const LeaseOptions& options, const base::Clock& clock,
                       base::Random& random) {
    ProcessIdentity self = options.processes->Self();
    std::string holder_id(kHolderIdBytes, '\0');
    random.Fill(std::as_writable_bytes(std::span(holder_id)));
    format::Lease lease;
    lease.set_holder_id(holder_id);
    lease.set_host(self.host);
    lease.set_boot_id(self.boot_id);
    lease.set_pid(self.pid);
    lease.set_pid_start_ticks(self.start_ticks);
    lease.set_since_us(clock.Now().time_since_epoch().count());
    lease.set_time_to_live_ms(static_cast<uint32_t>(options.time_to_live.count()));
    lease.set_purpose(options.purpose);
    return lease;
}

enum class PutResult {
    kInForce,
    kOverEarlier,  // the number holds another record of ours, whose reply was lost: try the next
    kLost,         // another one has the lease
};

// Puts the record and checks that it is the highest.
base::Result<PutResult> PutInForce(const Incarnation& incarnation, std::string_view name,
                                   uint64_t sequence, const format::Lease& lease) {
    storage::Storage& storage = incarnation.repository().storage();
    std::string key = incarnation.keys().Lease(name, sequence);
    AGRI_ASSIGN(auto outcome, PutMessage(incarnation.repository(), key, lease));
    AGRI_ASSIGN(Standing highest, Look(incarnation, name));
    bool ours = highest.sequence == sequence && highest.lease.holder_id() == lease.holder_id();
    if (!ours) {
        if (outcome == storage::PutOutcome::kCreated) (void)storage.Remove(key);
        return PutResult::kLost;
    }
    if (outcome == storage::PutOutcome::kCreated) return PutResult::kInForce;
    if (highest.lease.released() != lease.released()) return PutResult::kOverEarlier;
    AGRI_TRY(storage.EnsureDurable(key));
    return PutResult::kInForce;
}

// Best effort: what stays is removed after the next renewal.
void RemoveBelow(const Incarnation& incarnation, std::string_view name, uint64_t sequence) {
    storage::Storage& storage = incarnation.repository().storage();
    auto numbers = ListNumbers(storage, incarnation.keys().LeaseFolder(name), kSequenceDigits);
    if (!numbers) return;
    for (uint64_t number : *numbers)
        if (number < sequence) (void)storage.Remove(incarnation.keys().Lease(name, number));
}

base::Status Wait(const LeaseOptions& options, milliseconds duration) {
    if (options.wait) return options.wait(duration);
    return base::CancelToken().WaitFor(duration);
}

// Returns once `standing` may be succeeded: its time to live passed on our own clock, or it was
// given back, while we watched. kBusy when its holder renews it.
base::Status WatchUntilFree(const Incarnation& incarnation, const LeaseOptions& options,
                            const base::Clock& clock, Standing& standing) {
    milliseconds time_to_live(standing.lease.time_to_live_ms());
    base::MonotonicTime expiry = clock.Monotonic() + time_to_live;
    uint64_t watched = standing.sequence;
    while (standing.sequence == watched && clock.Monotonic() < expiry) {
        auto left = std::chrono::ceil<milliseconds>(expiry - clock.Monotonic());
        AGRI_TRY(Wait(options,
                      std::min(left, std::max(time_to_live / kLooksPerTimeToLive, kShortestWait))));
        AGRI_ASSIGN(standing, Look(incarnation, options.name));
    }
    if (standing.IsFree() || standing.sequence == watched) return {};
    return Busy(incarnation, options.name, standing.lease);
}

}  // namespace

struct LeaseGuard::State {
    Incarnation incarnation;
    std::string name;
    format::Lease lease;
    uint64_t sequence = 0;
    bool held = true;

    base::Status Advance(const format::Lease& next) {
        if (!held) return MakeError(ErrorCode::kConflict, "lease \"{}\" is no longer held", name);
        PutResult result = PutResult::kOverEarlier;
        while (result == PutResult::kOverEarlier) {
            AGRI_ASSIGN(result, PutInForce(incarnation, name, sequence + 1, next));
            if (result != PutResult::kLost) ++sequence;
        }
        if (result == PutResult::kLost) {
            held = false;
            return LostError();
        }
        RemoveBelow(incarnation, name, sequence);
        return {};
    }
    base::Error LostError() const {
        std::string detail = "Its successor is gone again.";
        auto standing = Look(incarnation, name);
        if (standing && !standing->IsFree())
            detail = Busy(incarnation, name, standing->lease).message + ".";
        return MakeError(ErrorCode::kConflict, "lease \"{}\" of cluster \"{}\" was taken over",
                         name, incarnation.cluster())
            .WithDetail("This process did not renew it in time: " + std::move(detail))
            .WithHint("What it was doing stops here; start it again.");
    }
};

LeaseGuard::LeaseGuard(std::unique_ptr<State> state) : state_(std::move(state)) {}

LeaseGuard::~LeaseGuard() {
    try {
        (void)Release();
    } catch (...) {  // out of memory: the lease expires by itself
    }
}

base::Result<std::unique_ptr<LeaseGuard>> LeaseGuard::Acquire(const Incarnation& incarnation,
                                                              const LeaseOptions& options,
                                                              const base::Clock& clock,
                                                              base::Random& random) {
    AGRI_ASSIGN(Standing standing, Look(incarnation, options.name));
    bool free = standing.IsFree() || options.processes->IsCertainlyDead(ProcessOf(standing.lease));
    bool watch =
        options.wait_for_expiry &&
        !(options.yield_to_working && options.processes->IsAtWork(ProcessOf(standing.lease)));
    if (!free && !watch) return Busy(incarnation, options.name, standing.lease);
    if (!free) AGRI_TRY(WatchUntilFree(incarnation, options, clock, standing));
    format::Lease lease = NewLease(options, clock, random);
    uint64_t sequence = standing.sequence + 1;
    AGRI_ASSIGN(auto result, PutInForce(incarnation, options.name, sequence, lease));
    if (result != PutResult::kInForce) {
        AGRI_ASSIGN(standing, Look(incarnation, options.name));
        return Busy(incarnation, options.name, standing.lease);
    }
    RemoveBelow(incarnation, options.name, sequence);
    return std::unique_ptr<LeaseGuard>(new LeaseGuard(
        std::make_unique<State>(State{incarnation, options.name, std::move(lease), sequence})));
}

base::Status LeaseGuard::Renew() { return state_->Advance(state_->lease); }

base::Status LeaseGuard::Release() {
    if (!state_->held) return {};
    format::Lease released = state_->lease;
    released.set_released(true);
    AGRI_TRY(state_->Advance(released));
    state_->held = false;
    return {};
}

base::Result<std::optional<format::Lease>> LeaseGuard::Holder(const Incarnation& incarnation,
                                                              std::string_view name) {
    AGRI_ASSIGN(Standing standing, Look(incarnation, name));
    if (standing.IsFree()) return std::nullopt;
    return std::move(standing.lease);
}

}  // namespace agri::repo

// As with leases, a number that was put decides only if it is the highest afterwards, and only
// records below the highest are removed.
#include "repo/schedule_run.hpp"

#include <span>

#include "repo/machine.hpp"
#include "repo/record.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;
using format::ScheduleRun;

namespace {

constexpr size_t kRunIdBytes = 16;

struct LastRun {
    uint64_t sequence = 0;  // 0: it never ran
    ScheduleRun run;
};

Result<LastRun> Look(const Incarnation& incarnation, const std::string& schedule) {
    AGRI_TRY(layout::CheckScheduleName(schedule));
    AGRI_ASSIGN(auto highest, GetHighest<ScheduleRun>(incarnation.repository(),
                                                      incarnation.keys().ScheduleFolder(schedule)));
    if (!highest) return LastRun{};
    return LastRun{highest->first, std::move(highest->second)};
}

bool MayBeTriedAgain(const ScheduleRun& run) {
    if (run.state() == ScheduleRun::DEFERRED) return true;
    return run.state() == ScheduleRun::RUNNING && run.attempt() < kMaxRunAttempts;
}

std::optional<std::string> ReasonAfter(const LastRun& last, const DueRun& due) {
    if (last.sequence == 0 || last.run.scheduled_us() < due.scheduled_us) return std::nullopt;
    const int64_t farthest = due.now_us + std::chrono::microseconds(kLargestClockError).count();
    if (last.run.scheduled_us() > farthest) return std::nullopt;
    if (last.run.scheduled_us() == due.scheduled_us && MayBeTriedAgain(last.run))
        return std::nullopt;
    const auto at = [](int64_t us) {
        return base::FormatTime(base::WallTime(std::chrono::microseconds(us)));
    };
    return fmt::format("schedule \"{}\" was run for {} by host \"{}\" ({})", due.schedule,
                       at(last.run.scheduled_us()), last.run.host(),
                       ScheduleRun::State_Name(last.run.state()));
}

void RemoveBelow(const Incarnation& incarnation, const std::string& schedule, uint64_t sequence) {
    storage::Storage& storage = incarnation.repository().storage();
    const std::string folder = incarnation.keys().ScheduleFolder(schedule);
    auto numbers = ListNumbers(storage, folder, kSequenceDigits);
    if (!numbers) return;
    for (uint64_t number : *numbers)
        if (number < sequence)
            (void)storage.Remove(incarnation.keys().ScheduleRun(schedule, number));
}

// Puts the record and checks that it is the highest. A reply that was lost is not: the same record
// stands there then.
Status PutInForce(const Incarnation& incarnation, uint64_t sequence, const ScheduleRun& run) {
    storage::Storage& storage = incarnation.repository().storage();
    const std::string key = incarnation.keys().ScheduleRun(run.schedule(), sequence);
    AGRI_ASSIGN(auto outcome, PutMessage(incarnation.repository(), key, run));
    AGRI_ASSIGN(LastRun highest, Look(incarnation, run.schedule()));
    if (highest.sequence == sequence && highest.run.run_id() == run.run_id() &&
        highest.run.state() == run.state()) {
        if (outcome == storage::PutOutcome::kExists) AGRI_TRY(storage.EnsureDurable(key));
        RemoveBelow(incarnation, run.schedule(), sequence);
        return {};
    }
    if (outcome == storage::PutOutcome::kCreated) (void)storage.Remove(key);
    return MakeError(ErrorCode::kConflict, "schedule \"{}\" is run by host \"{}\" (process {})",
                     run.schedule(), highest.run.host(), highest.run.pid())
        .WithHint("Nothing is to be done: agri_backup.schedules shows that run.");
}

ScheduleRun NewRun(const LastRun& last, const DueRun& due, const base::Clock& clock,
                   base::Random& random) {
    const ProcessIdentity self = SystemProcessTable().Self();
    std::string run_id(kRunIdBytes, '\0');
    random.Fill(std::as_writable_bytes(std::span(run_id)));
    ScheduleRun run;
    run.set_schedule(due.schedule);
    run.set_scheduled_us(due.scheduled_us);
    run.set_state(ScheduleRun::RUNNING);
    const bool is_again = last.sequence != 0 && last.run.scheduled_us() == due.scheduled_us;
    // Waiting for another backup to end is no attempt.
    const bool counts = is_again && last.run.state() == ScheduleRun::RUNNING;
    run.set_attempt(is_again ? last.run.attempt() + (counts ? 1 : 0) : 1);
    run.set_run_id(run_id);
    run.set_host(self.host);
    run.set_boot_id(self.boot_id);
    run.set_pid(self.pid);
    run.set_pid_start_ticks(self.start_ticks);
    run.set_started_us(clock.Now().time_since_epoch().count());
    run.set_last_success_us(last.run.last_success_us());
    run.set_last_backup_id(last.run.last_backup_id());
    return run;
}

}  // namespace

std::string LeaseNameOf(const std::string& schedule) { return "schedule-" + schedule; }

Result<std::vector<ScheduleRun>> ListLastRuns(const Incarnation& incarnation) {
    AGRI_ASSIGN(auto names,
                incarnation.repository().storage().Children(incarnation.keys().SchedulesFolder()));
    std::vector<ScheduleRun> runs;
    for (const std::string& name : names) {
        if (!layout::CheckScheduleName(name)) continue;
        AGRI_ASSIGN(LastRun last, Look(incarnation, name));
        if (last.sequence != 0) runs.push_back(std::move(last.run));
    }
    return runs;
}

Result<std::optional<std::string>> ReasonNotToRun(const Incarnation& incarnation,
                                                  const DueRun& due) {
    AGRI_ASSIGN(LastRun last, Look(incarnation, due.schedule));
    return ReasonAfter(last, due);
}

Result<ScheduledRun> ScheduledRun::Begin(const Incarnation& incarnation, const DueRun& due,
                                         const base::Clock& clock, base::Random& random) {
    AGRI_ASSIGN(LastRun last, Look(incarnation, due.schedule));
    if (auto reason = ReasonAfter(last, due)) return base::Error(ErrorCode::kConflict, *reason);
    ScheduleRun run = NewRun(last, due, clock, random);
    AGRI_TRY(PutInForce(incarnation, last.sequence + 1, run));
    return ScheduledRun(incarnation, last.sequence + 1, std::move(run));
}

Status ScheduledRun::End(ScheduleRun::State state, const std::string& backup_id,
                         const std::string& error, const base::Clock& clock) {
    ScheduleRun ended = run_;
    ended.set_state(state);
    ended.set_ended_us(clock.Now().time_since_epoch().count());
    ended.set_backup_id(backup_id);
    ended.set_error(error);
    if (state == ScheduleRun::DONE) {
        ended.set_last_success_us(ended.ended_us());
        ended.set_last_backup_id(backup_id);
    }
    return PutInForce(incarnation_, sequence_ + 1, ended);
}

}  // namespace agri::repo

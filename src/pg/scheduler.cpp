// See scheduler.hpp. What is due here is only a question: whether it was run already, on whichever
// server, the job learns from the repository. So nothing bad comes of a cached state that is old.
#include "pg/scheduler.hpp"

#include "pg/due_schedules.hpp"
#include "pg/errors.hpp"
#include "pg/session_queries.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/spi.hpp"

namespace agri::pg {

namespace {

// A worker that could not be started, or failed, is tried again after this long.
constexpr int kRetryMs = 60000;
// Nobody tells when a table of the primary, or another program, changed it.
constexpr int kLongestLookMs = 600000;

BackgroundWorkerHandle* handle = nullptr;

bool IsAtWork() {
    pid_t pid = 0;
    if (handle == nullptr) return false;
    BgwHandleStatus status = GetBackgroundWorkerPid(handle, &pid);
    if (status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED) return true;
    pfree(handle);
    handle = nullptr;
    return false;
}

TimestampTz LookAt() {
    LWLockAcquire(shared->lock, LW_SHARED);
    TimestampTz look_at = shared->schedules.look_at;
    LWLockRelease(shared->lock);
    return look_at;
}

// A change that came while the worker was looking brings the next look forward, never back.
void SetLookAt(TimestampTz seen, TimestampTz look_at) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    if (shared->schedules.look_at == seen) shared->schedules.look_at = look_at;
    LWLockRelease(shared->lock);
}

TimestampTz Later(long ms) { return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms); }

void Start() {
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_library_name, "agri_backup", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "AgriSchedulerMain", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "agri_backup scheduler", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "agri_backup scheduler", sizeof(worker.bgw_type));
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    bool started = RegisterDynamicBackgroundWorker(&worker, &handle);
    MemoryContextSwitchTo(previous);
    if (started) return;
    handle = nullptr;
    ereport(WARNING, (errmsg("agri_backup: no background worker is free to look at schedules"),
                      errhint("Raise max_worker_processes and restart the server.")));
}

// The one pass of the worker; its channel is of no use.
long next_look_ms = kRetryMs;
void Pass(Channel* /*channel*/) {
    next_look_ms = Min(RunDueSchedules(ScheduleClock()), static_cast<long>(kLongestLookMs));
}

}  // namespace

void StartSchedulerIfDue() {
    TimestampTz look_at = LookAt(), now = GetCurrentTimestamp();
    // A look far ahead is one from before the clock was set back.
    bool is_due =
        now >= look_at || TimestampDifferenceExceeds(now, look_at, kLongestLookMs + kRetryMs);
    if (IsAtWork() || !is_due) return;
    // Until it says better.
    SetLookAt(look_at, Later(kRetryMs));
    Start();
}

long MsUntilScheduler() {
    // The postmaster tells when the worker has ended.
    if (handle != nullptr) return kRetryMs;
    return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), LookAt());
}

void LookAtSchedules() {
    if (shared == nullptr) return;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->schedules.look_at = 0;
    if (shared->schedules.supervisor != nullptr) SetLatch(shared->schedules.supervisor);
    LWLockRelease(shared->lock);
}

TimestampTz ScheduleClock() {
    return TimestampTzPlusMilliseconds(
        GetCurrentTimestamp(),
        static_cast<int64>(settings.schedule_clock_offset_s) * INT64CONST(1000));
}

extern "C" PGDLLEXPORT void AgriSchedulerMain(Datum /*argument*/) {
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    ConnectForQueries("agri_backup: schedules");
    TimestampTz seen = LookAt();
    Failure failure = {};
    if (!RunInTransaction(Pass, nullptr, &failure))
        ereport(WARNING, (errmsg("agri_backup: could not look at schedules: %s", failure.message),
                          failure.detail[0] != '\0' ? errdetail("%s", failure.detail) : 0,
                          errhint("They are looked at again in a minute.")));
    SetLookAt(seen, Later(next_look_ms));
    proc_exit(0);
}

}  // namespace agri::pg

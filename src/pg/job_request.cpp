// See job_request.hpp. Waiting uses the latch and a condition variable by hand rather than
// ConditionVariableSleep(), because that processes interrupts before we could see what kind they
// are.
#include "pg/job_request.hpp"

#include "pg/errors.hpp"
#include "pg/session_worker.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/wait.hpp"

extern "C" {
#include "commands/dbcommands.h"
}

namespace agri::pg {

namespace {

constexpr long kPollMs = 1000;
// How long a cancelled caller waits for the job to clean up before it gets its error.
constexpr int kCleanUpMs = 20000;
constexpr int kMaxLabelBytes = 200;

// A worker that the postmaster could not start, or that ended before it could say so.
void FailIfWorkerIsGone(const StartedJob& started) {
    pid_t pid = 0;
    if (started.worker == nullptr) return;
    BgwHandleStatus status = GetBackgroundWorkerPid(started.worker, &pid);
    if (status != BGWH_STOPPED && status != BGWH_POSTMASTER_DIED) return;
    Failure failure;
    SetFailure(&failure, "process_ended", "the session worker of the job ended", nullptr,
               "The server log says why.");
    FailJob(started.address, failure);
}

bool IsReached(const StartedJob& started, WaitUntil until, Job* job) {
    if (!ReadJob(started.address, job))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the result of the job was replaced before it could be read"),
                        errhint("agri_backup.backups shows which backups exist.")));
    if (!IsActive(job->state)) return true;
    return until == WaitUntil::kBackupNamed && job->backup[0] != '\0';
}

void Pause(const StartedJob& started, long longest_ms) {
    ConditionVariable* changed = &shared->slots[started.address.slot].changed;
    ConditionVariablePrepareToSleep(changed);
    Job job;
    if (ReadJob(started.address, &job) && IsActive(job.state))
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, longest_ms,
                        WaitEventFor(Waiting::kForJob));
    ResetLatch(MyLatch);
    ConditionVariableCancelSleep();
}

// The job's processes clean up; the caller's error comes after that, or after a while.
void CancelAndAwaitCleanUp(const StartedJob& started) {
    if (!CancelJob(started.address)) return;
    TimestampTz begin = SteadyNow();
    Job job;
    HOLD_CANCEL_INTERRUPTS();
    while (ReadJob(started.address, &job) && IsActive(job.state) &&
           !TimestampDifferenceExceeds(begin, SteadyNow(), kCleanUpMs)) {
        FailIfWorkerIsGone(started);
        Pause(started, kPollMs);
        CHECK_FOR_INTERRUPTS();
    }
    RESUME_CANCEL_INTERRUPTS();
}

// On a standby a conflict with recovery raises the same flag, and only its error tells it apart.
void CancelUnlessConflict(const StartedJob& started) {
    PG_TRY();
    { CHECK_FOR_INTERRUPTS(); }
    PG_CATCH();
    {
        if (geterrcode() == ERRCODE_QUERY_CANCELED) (void)CancelJob(started.address);
        PG_RE_THROW();
    }
    PG_END_TRY();
}

void CancelAsAsked(const StartedJob& started) {
    if (RecoveryInProgress())
        CancelUnlessConflict(started);
    else
        CancelAndAwaitCleanUp(started);
}

// A statement_timeout sets its indicator before it raises the same flag as a cancel request, so the
// two can be told apart as long as nobody processes the interrupt first.
void ServeInterrupts(const StartedJob& started, OnInterrupt on_interrupt) {
    if (QueryCancelPending) {
        bool timed_out = get_timeout_indicator(STATEMENT_TIMEOUT, false) ||
                         get_timeout_indicator(LOCK_TIMEOUT, false);
        if (!timed_out && !ProcDiePending && on_interrupt == OnInterrupt::kCancelIfAsked)
            CancelAsAsked(started);
        CHECK_FOR_INTERRUPTS();
        return;
    }
    HOLD_CANCEL_INTERRUPTS();
    CHECK_FOR_INTERRUPTS();
    RESUME_CANCEL_INTERRUPTS();
}

void CancelAbandoned(int /*code*/, Datum address) {
    (void)CancelJob(*reinterpret_cast<JobAddress*>(DatumGetPointer(address)));
}

}  // namespace

void CheckBackupKind(const char* kind) {
    if (strcmp(kind, "full") == 0) return;
    if (strcmp(kind, "incremental") == 0 || strcmp(kind, "snapshot") == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("backups of kind \"%s\" are not supported in this version", kind),
                        errhint("Use kind \"full\".")));
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("unrecognized kind of backup: \"%s\"", kind), errhint("Use kind \"full\".")));
}

// The label becomes a line of the file backup_label, where a line break would begin another entry.
void CheckLabel(const char* label) {
    bool clean = true;
    for (const char* c = label; *c != '\0'; ++c)
        clean &= static_cast<unsigned char>(*c) >= 0x20 && *c != 0x7f;
    if (clean && strlen(label) <= kMaxLabelBytes) return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid label of a backup"),
             errdetail("A label has at most %d bytes and no control characters.", kMaxLabelBytes)));
}

void RequireService() {
    if (shared == nullptr) RaiseNotPreloaded();
    char* current = get_database_name(MyDatabaseId);
    if (current == nullptr || strcmp(current, settings.database) != 0)
        RaiseWrongDatabase(current != nullptr ? current : "");
}

JobRequest MakeRequest(JobKind kind) {
    JobRequest request = {};
    request.kind = kind;
    request.requester_pid = MyProcPid;
    strlcpy(request.requested_by, ToUtf8(GetUserNameFromId(GetSessionUserId(), false)),
            sizeof(request.requested_by));
    return request;
}

StartedJob StartJob(const JobRequest& request) {
    JobAddress address = TakeSlot(request);
    return {address, StartSessionWorker(address)};
}

WaitEnd WaitForJob(const StartedJob& started, const WaitOptions& options, Job* job) {
    TimestampTz begin = SteadyNow();
    // A catalog snapshot would hold back vacuum for as long as we wait.
    InvalidateCatalogSnapshot();
    for (;;) {
        FailIfWorkerIsGone(started);
        if (IsReached(started, options.until, job)) return WaitEnd::kReached;
        ServeInterrupts(started, options.on_interrupt);
        long left_ms = kPollMs;
        if (options.limit_ms >= 0) {
            TimestampTz end = TimestampTzPlusMilliseconds(begin, options.limit_ms);
            left_ms = Min(left_ms, TimestampDifferenceMilliseconds(SteadyNow(), end));
            if (left_ms <= 0) return WaitEnd::kTimeLimit;
        }
        Pause(started, left_ms);
    }
}

Job RunToEnd(const JobRequest& request) {
    Job job;
    StartedJob started = StartJob(request);
    PG_ENSURE_ERROR_CLEANUP(CancelAbandoned, PointerGetDatum(&started.address));
    {
        WaitOptions options{WaitUntil::kEnded, OnInterrupt::kCancelAlways, -1};
        (void)WaitForJob(started, options, &job);
    }
    PG_END_ENSURE_ERROR_CLEANUP(CancelAbandoned, PointerGetDatum(&started.address));
    if (job.state == JobState::kFailed) RaiseFailure(job.failure);
    return job;
}

}  // namespace agri::pg

// agri_backup_now(), the procedure agri_backup() and agri_cancel(). The procedure waits to the end
// without a snapshot; the function holds its caller's and so waits for a limited time only.
#include "pg/archiving_check.hpp"
#include "pg/errors.hpp"
#include "pg/job_request.hpp"
#include "pg/server.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/sql_version.hpp"

extern "C" {
#include "executor/spi.h"
#include "nodes/parsenodes.h"
}

namespace agri::pg {

namespace {

// A backup has its identifier as soon as it has the lease.
constexpr int kNamedWithinMs = 10000;

JobRequest MakeBackupRequest(FunctionCallInfo fcinfo) {
    char* kind = PG_ARGISNULL(0) ? pstrdup("full") : text_to_cstring(PG_GETARG_TEXT_PP(0));
    char* label = PG_ARGISNULL(1) ? pstrdup("") : ToUtf8(text_to_cstring(PG_GETARG_TEXT_PP(1)));
    CheckBackupKind(kind);
    CheckLabel(label);
    RequireService();
    RequireArchiving();
    JobRequest request = MakeRequest(JobKind::kBackup);
    strlcpy(request.backup_kind, kind, sizeof(request.backup_kind));
    strlcpy(request.label, label, sizeof(request.label));
    return request;
}

// A backup may succeed and yet have met pages with wrong checksums.
void ReportWarning(const Job& job) {
    if (job.state == JobState::kDone && job.warning[0] != '\0')
        ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("%s", FromUtf8(job.warning))));
}

bool IsNamed(const Job& job) { return job.backup[0] != '\0'; }
const char* NameOf(const Job& job) { return IsNamed(job) ? job.backup : job.name; }

// Waits for the end as long as is allowed, and for the identifier a moment more.
WaitEnd WaitForBackup(const StartedJob& started, bool wait, Job* job) {
    const int limit_ms = settings.wait_limit_s * 1000;
    WaitOptions ended{WaitUntil::kEnded, OnInterrupt::kCancelIfAsked, limit_ms};
    if (wait && WaitForJob(started, ended, job) == WaitEnd::kReached) return WaitEnd::kReached;
    WaitOptions named{WaitUntil::kBackupNamed, OnInterrupt::kCancelIfAsked,
                      wait ? kNamedWithinMs : Max(limit_ms, kNamedWithinMs)};
    (void)WaitForJob(started, named, job);
    return IsActive(job->state) ? WaitEnd::kTimeLimit : WaitEnd::kReached;
}

void ReportGoingOn(const Job& job, bool wait) {
    if (!IsNamed(job))
        ereport(NOTICE,
                (errmsg("job %s goes on, and its backup has no identifier yet", job.name),
                 errdetail("The name of the job is returned instead. The backup gets its "
                           "identifier when it begins; it may be waiting for storage, or for the "
                           "end of another server's backup."),
                 errhint("agri_backup.progress shows it; agri_cancel() takes the job's name.")));
    else if (wait)
        ereport(NOTICE, (errmsg("backup %s goes on", job.backup),
                         errdetail("agri_backup_now() waits for at most agri_backup.wait_limit."),
                         errhint("agri_backup.progress shows how far it is.")));
}

void RequireNonAtomic(FunctionCallInfo fcinfo) {
    bool can_commit = fcinfo->context != nullptr && IsA(fcinfo->context, CallContext) &&
                      !reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
    if (can_commit) return;
    ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                    errmsg("agri_backup() cannot run inside a transaction block"),
                    errhint("Use CALL as a statement of its own, or SELECT agri_backup_now().")));
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(AgriBackupNow);
PGDLLEXPORT Datum AgriBackupNow(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 3);
    bool wait = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);
    JobRequest request = MakeBackupRequest(fcinfo);
    StartedJob started = StartJob(request);
    Job job;
    WaitEnd end = WaitForBackup(started, wait, &job);
    if (job.state == JobState::kFailed) RaiseFailure(job.failure);
    ReportWarning(job);
    if (end == WaitEnd::kTimeLimit) ReportGoingOn(job, wait);
    PG_RETURN_TEXT_P(cstring_to_text(NameOf(job)));
}

PG_FUNCTION_INFO_V1(AgriBackupCall);
PGDLLEXPORT Datum AgriBackupCall(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 2);
    RequireNonAtomic(fcinfo);
    JobRequest request = MakeBackupRequest(fcinfo);
    // The commit gives back CALL's snapshot; from here on nothing reads a catalog until the end.
    if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    SPI_commit();
    StartedJob started = StartJob(request);
    WaitOptions options{WaitUntil::kEnded, OnInterrupt::kCancelIfAsked, -1};
    Job job;
    (void)WaitForJob(started, options, &job);
    if (job.state == JobState::kFailed) RaiseFailure(job.failure);
    ReportWarning(job);
    SPI_finish();
    PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(AgriCancel);
PGDLLEXPORT Datum AgriCancel(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 1);
    RequireService();
    PG_RETURN_BOOL(CancelJobNamed(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

}  // extern "C"

}  // namespace agri::pg

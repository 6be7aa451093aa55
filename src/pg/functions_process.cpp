// What shared memory and the data directory tell: the supervisor's report, the jobs, and how much
// WAL waits. Nothing here acts or needs a process to be alive, so `status` tells the truth when all
// of them are down.
#include <sys/statvfs.h>

#include "pg/job_slots.hpp"
#include "pg/row.hpp"
#include "pg/server.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/sql_version.hpp"

namespace agri::pg {

namespace {

const char* StateName(SupervisorState state) {
    switch (state) {
        case SupervisorState::kStarting:
            return "starting";
        case SupervisorState::kNotConfigured:
            return "not configured";
        case SupervisorState::kClone:
            return "clone";
        case SupervisorState::kRunning:
            return "running";
        case SupervisorState::kWaiting:
            return "waiting to restart";
    }
    return "unknown";
}

const char* StateName(JobState state) {
    switch (state) {
        case JobState::kFree:
            return "free";
        case JobState::kStarting:
            return "starting";
        case JobState::kRunning:
            return "running";
        case JobState::kDone:
            return "done";
        case JobState::kFailed:
            return "failed";
    }
    return "unknown";
}

Datum MakeRecord(FunctionCallInfo fcinfo, Row* row) {
    TupleDesc descriptor = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    RequireColumns(descriptor->natts, row->count);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), row->values, row->nulls));
}

Row DescribeProcesses(const ProcessReport& processes, const ArchiverReport& archiver) {
    Row row;
    row.AddBool(shared != nullptr);
    row.AddPid(processes.supervisor_pid);
    row.AddTime(processes.supervisor_since);
    row.AddText(shared != nullptr ? StateName(processes.state) : "");
    row.AddText(processes.problem);
    row.AddText(processes.hint);
    row.AddPid(processes.archiving_pid);
    row.AddTime(processes.archiving_since);
    row.AddText(processes.archiving_version);
    row.AddBigint(processes.archiving_restarts);
    row.AddText(processes.last_exit);
    row.AddTime(processes.last_exit_time);
    row.AddTime(archiver.failing_since);
    row.AddText(archiver.failed_file);
    row.AddText(archiver.failure.message);
    row.AddText(archiver.failure.detail);
    row.AddText(archiver.failure.hint);
    return row;
}

Row DescribeJob(const Job& job) {
    Row row;
    row.AddText(job.name);
    row.AddText(JobKindName(job.request.kind));
    row.AddText(StateName(job.state));
    row.AddText(job.backup[0] != '\0' ? job.backup : job.request.backup);
    row.AddText(job.request.label);
    row.AddText(job.request.requested_by);
    row.AddPid(job.request.requester_pid);
    row.AddPid(job.worker_pid);
    row.AddPid(job.process_pid);
    row.AddTime(job.since);
    row.AddTime(job.ended);
    row.AddText(job.failure.message);
    row.AddText(job.failure.detail);
    row.AddText(job.failure.hint);
    row.AddText(job.request.schedule);
    return row;
}

struct WaitingWal {
    int64 files;
    int64 segments;
};

WaitingWal CountWaiting() {
    constexpr char kFolder[] = XLOGDIR "/archive_status";
    WaitingWal waiting = {};
    DIR* entries = AllocateDir(kFolder);
    while (dirent* entry = ReadDir(entries, kFolder)) {
        size_t length = strlen(entry->d_name);
        if (length <= 6 || strcmp(entry->d_name + length - 6, ".ready") != 0) continue;
        ++waiting.files;
        waiting.segments += length == XLOG_FNAME_LEN + 6;
    }
    FreeDir(entries);
    return waiting;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(AgriProcesses);
PGDLLEXPORT Datum AgriProcesses(PG_FUNCTION_ARGS) {
    ProcessReport processes = {};
    ArchiverReport archiver = {};
    if (shared != nullptr) {
        LWLockAcquire(shared->lock, LW_SHARED);
        processes = shared->processes;
        archiver = shared->archiver;
        LWLockRelease(shared->lock);
    }
    Row row = DescribeProcesses(processes, archiver);
    PG_RETURN_DATUM(MakeRecord(fcinfo, &row));
}

PG_FUNCTION_INFO_V1(AgriJobs);
PGDLLEXPORT Datum AgriJobs(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int slot = 0; shared != nullptr && slot < kJobSlots; ++slot) {
        Job job;
        if (!ReadSlot(slot, &job)) continue;
        Row row = DescribeJob(job);
        RequireColumns(result->setDesc->natts, row.count);
        tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
    }
    PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(AgriWaitingWal);
PGDLLEXPORT Datum AgriWaitingWal(PG_FUNCTION_ARGS) {
    WaitingWal waiting = CountWaiting();
    Row row;
    row.AddBigint(waiting.files);
    row.AddBigint(waiting.segments * wal_segment_size);
    struct statvfs disk;
    if (statvfs(XLOGDIR, &disk) == 0)
        row.AddBigint(static_cast<int64>(disk.f_bavail) * static_cast<int64>(disk.f_frsize));
    else
        row.AddNull();
    PG_RETURN_DATUM(MakeRecord(fcinfo, &row));
}

PG_FUNCTION_INFO_V1(AgriConfigFile);
PGDLLEXPORT Datum AgriConfigFile(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const char* path = ConfigFileInForce();
    if (path[0] == '\0') PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(path));
}

}  // extern "C"

}  // namespace agri::pg

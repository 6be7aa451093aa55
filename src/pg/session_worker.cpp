// See session_worker.hpp. It relays the control protocol of docs/architecture.md. When it exits,
// however that comes, PostgreSQL aborts the backup it had started, its slot says how the job ended,
// and the job process follows by the end of its control socket.
#include "pg/session_worker.hpp"

#include "pg/channel.hpp"
#include "pg/errors.hpp"
#include "pg/files.hpp"
#include "pg/process.hpp"
#include "pg/scheduler.hpp"
#include "pg/session_queries.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/wait.hpp"

namespace agri::pg {

namespace {

// Time for a cancelled process to clean up, and for a finished one to exit.
constexpr int kCleanUpMs = 30000;
constexpr int kExitMs = 5000;
constexpr int kPollMs = 1000;
constexpr int kReapPollMs = 20;

struct Session {
    JobAddress address;
    Job job;
    Process process;
    bool cancelled;
    TimestampTz kill_at;  // by SteadyNow(); 0: it may live
};
Session session = {};

TimestampTz Later(int ms) { return TimestampTzPlusMilliseconds(SteadyNow(), ms); }

void RemoveFiles(bool with_rows) {
    char name[MAXPGPATH];
    snprintf(name, sizeof(name), "jobs/%s.json", session.job.name);
    RemoveRuntimeFile(name);
    if (!with_rows) return;
    snprintf(name, sizeof(name), "jobs/%s.rows.json", session.job.name);
    RemoveRuntimeFile(name);
}

void Fail(const char* code, const char* message, const char* detail = nullptr,
          const char* hint = nullptr) {
    Failure failure;
    SetFailure(&failure, code, message, detail, hint);
    RemoveFiles(true);
    FailJob(session.address, failure);
}

// A schedule may have waited for the end of this backup. One that came to nothing is not tried
// again at once.
void HurrySchedules() {
    Job job;
    if (session.job.request.kind != JobKind::kBackup || !ReadJob(session.address, &job)) return;
    bool is_complete = job.state == JobState::kDone && job.backup[0] != '\0';
    if (job.request.schedule[0] == '\0' || is_complete) LookAtSchedules();
}

// Runs on every exit; a job that ended in order is not touched.
void Leave(int /*code*/, Datum /*argument*/) {
    Failure failure;
    SetFailure(&failure, "cancelled", "the session worker of the job was terminated", nullptr,
               "The server log says why.");
    FailJob(session.address, failure);
    HurrySchedules();
}

void SendJob(Channel* channel) {
    const JobRequest& request = session.job.request;
    channel->Begin("JOB")
        .Add("job", session.job.name)
        .Add("kind", JobKindName(request.kind))
        .Add("backup_kind", request.backup_kind)
        .Add("label", request.label)
        .Add("requested_by", request.requested_by)
        .Add("backup", request.backup)
        .Add("level", request.level)
        .Add("schedule", request.schedule)
        .Add("scheduled_time", static_cast<long long>(request.scheduled_us))
        .Add("schedule_clock", static_cast<long long>(request.schedule_clock_us))
        .End();
}

// A cancel comes as SIGINT (from agri_cancel(), a cancelled CALL, or pg_cancel_backend()) or as the
// flag.
void NoticeCancel() {
    if (QueryCancelPending) {
        QueryCancelPending = false;
        if (!session.cancelled) session.job.cancel_requested = true;
    }
    CHECK_FOR_INTERRUPTS();
    if (session.cancelled) return;
    if (!session.job.cancel_requested && !IsCancelRequested(session.address)) return;
    session.cancelled = true;
    session.kill_at = Later(kCleanUpMs);
    (void)kill(session.process.pid, SIGTERM);
}

void Pause(int longest_ms) {
    Channel* channel = session.process.channel;
    int wake = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | WL_SOCKET_READABLE;
    if (channel->WantsToWrite()) wake |= WL_SOCKET_WRITEABLE;
    (void)WaitLatchOrSocket(MyLatch, wake, channel->fd(), longest_ms,
                            WaitEventFor(Waiting::kForJobProcess));
    ResetLatch(MyLatch);
    if (session.kill_at != 0 && SteadyNow() >= session.kill_at) KillProcess(&session.process);
}

// Waits until the process is gone, and kills it when it takes too long.
void AwaitExit(ProcessEnd* end) {
    if (session.kill_at == 0) session.kill_at = Later(kExitMs);
    while (!ReapProcess(session.process, end)) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kReapPollMs,
                        WaitEventFor(Waiting::kForJobProcess));
        ResetLatch(MyLatch);
        NoticeCancel();
        if (SteadyNow() >= session.kill_at) KillProcess(&session.process);
    }
}

// The process went without a result: it crashed, was killed or broke the protocol.
void FailWithoutResult(const char* problem) {
    ProcessEnd end;
    char message[256], hint[512];
    AwaitExit(&end);
    if (session.cancelled) return Fail("cancelled", "the job was cancelled");
    snprintf(message, sizeof(message), "job process %s", end.how);
    snprintf(hint, sizeof(hint), "Sessions and archiving are not affected. %s", end.hint);
    Fail("process_ended", message, problem, hint);
}

void TakeResult(const Channel& channel) {
    ProcessEnd end;
    // The channel's texts live until the next Receive(), so the process may go first.
    AwaitExit(&end);
    if (channel.Is("DONE")) {
        NoteBackup(session.address, channel.Get("backup"));
        RemoveFiles(false);
        FinishJob(session.address, channel.Get("message"), channel.Get("warning"),
                  strtoll(channel.Get("rows"), nullptr, 10));
    } else {
        Fail(channel.Get("code"), channel.Get("message"), channel.Get("detail"),
             channel.Get("hint"));
    }
}

enum class Next { kGoOn, kEnded };

Next Handle(Channel* channel) {
    if (channel->Is("DONE") || channel->Is("FAILED")) {
        TakeResult(*channel);
        return Next::kEnded;
    }
    if (channel->Is("STARTED"))
        NoteBackup(session.address, channel->Get("backup"));
    else if (!channel->Is("HELLO"))
        AnswerQuery(channel);
    return Next::kGoOn;
}

void Relay() {
    Channel* channel = session.process.channel;
    for (;;) {
        NoticeCancel();
        switch (channel->Receive()) {
            case ChannelEvent::kMessage:
                if (Handle(channel) == Next::kEnded) return;
                break;
            case ChannelEvent::kClosed:
                return FailWithoutResult(nullptr);
            case ChannelEvent::kBroken:
                (void)kill(session.process.pid, SIGTERM);
                return FailWithoutResult(channel->Problem());
            case ChannelEvent::kNothing:
                Pause(kPollMs);
        }
    }
}

void RunJob() {
    if (session.job.cancel_requested) return Fail("cancelled", "the job was cancelled");
    // What a clone may do, the job process knows.
    Obstacle obstacle = FindObstacle();
    if (obstacle.kind == Obstacle::Kind::kNotConfigured)
        return Fail("configuration", obstacle.message, nullptr, obstacle.hint);
    char problem[512];
    if (!StartProcess("job", Lifetime::kEndsWithParent, &session.process, problem, sizeof(problem)))
        return Fail("process_ended", "could not start the job process", problem,
                    "Install the agri_backup executable of this version again.");
    NoteProcess(session.address, session.process.pid);
    SendConfig(session.process.channel);
    SendJob(session.process.channel);
    Relay();
}

JobAddress AddressOf(const char* extra) {
    JobAddress address;
    memcpy(&address, extra, sizeof(address));
    return address;
}

}  // namespace

extern "C" PGDLLEXPORT void AgriSessionWorkerMain(Datum /*argument*/) {
    pqsignal(SIGTERM, die);
    pqsignal(SIGINT, StatementCancelHandler);
    BackgroundWorkerUnblockSignals();
    session.address = AddressOf(MyBgworkerEntry->bgw_extra);
    if (!BeginJob(session.address, &session.job)) proc_exit(0);
    before_shmem_exit(Leave, 0);
    // What jobs left that ended without their worker; the one before may have been killed.
    SweepJobFiles(IsKnownJobName);
    if (session.job.request.kind == JobKind::kBackup) ConnectForQueries("agri_backup: base backup");
    RunJob();
    proc_exit(0);
}

BackgroundWorkerHandle* StartSessionWorker(JobAddress address) {
    BackgroundWorker worker = {};
    static_assert(sizeof(address) <= BGW_EXTRALEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    memcpy(worker.bgw_extra, &address, sizeof(address));
    strlcpy(worker.bgw_library_name, "agri_backup", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "AgriSessionWorkerMain", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "agri_backup session worker", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "agri_backup session worker", sizeof(worker.bgw_type));
    BackgroundWorkerHandle* handle = nullptr;
    if (RegisterDynamicBackgroundWorker(&worker, &handle)) return handle;
    Failure failure;
    SetFailure(&failure, "cluster_state", "no background worker is free");
    FailJob(address, failure);
    ereport(ERROR,
            (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no background worker is free"),
             errhint("Raise max_worker_processes and restart the server.")));
    pg_unreachable();
}

}  // namespace agri::pg

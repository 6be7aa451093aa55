// See supervisor.hpp. It starts with the postmaster (the archiving process serves recovery's end as
// well), never blocks, and never gives the archiving process up: it restarts it with growing pauses
// for ever. When the supervisor ends, the archiving process goes on: a fast shutdown archives its
// checkpoint after all bgworkers.
#include "pg/supervisor.hpp"

#include "pg/channel.hpp"
#include "pg/errors.hpp"
#include "pg/files.hpp"
#include "pg/job_slots.hpp"
#include "pg/process.hpp"
#include "pg/scheduler.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/wait.hpp"

namespace agri::pg {

namespace {

constexpr int kFirstPauseMs = 1000;
constexpr int kLongestPauseMs = 60000;
// A process that lived this long was well: its successor starts after the first pause again.
constexpr int kHealthyMs = 60000;
// A process that closed its socket or was told to stop is killed after this long.
constexpr int kEndGraceMs = 10000;
// Files (a configuration file, a role) appear without a signal.
constexpr int kLookAgainMs = 10000;
// While the archiver fails: core would let it rest for a minute after three tries.
constexpr int kFailingLookMs = 1000;
constexpr int kReapPollMs = 100;
constexpr int kRestartSeconds = 5;

struct Watch {
    Process process;
    TimestampTz started;
    TimestampTz kill_at;  // by SteadyNow(); 0: it may live
    bool told_to_stop;
    TimestampTz start_after;  // by SteadyNow(): no new process before
    int pause_ms;
    bool keeps_schedules;
};
Watch watch = {};

TimestampTz Later(int ms) { return TimestampTzPlusMilliseconds(SteadyNow(), ms); }

void ReportState(SupervisorState state, const char* problem, const char* hint) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->processes.state = state;
    strlcpy(shared->processes.problem, problem, sizeof(shared->processes.problem));
    strlcpy(shared->processes.hint, hint, sizeof(shared->processes.hint));
    LWLockRelease(shared->lock);
}

void ReportStart() {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    ProcessReport& report = shared->processes;
    report.archiving_pid = watch.process.pid;
    report.archiving_since = watch.started;
    report.archiving_version[0] = '\0';
    if (report.last_exit_time != 0) ++report.archiving_restarts;
    LWLockRelease(shared->lock);
    ReportState(SupervisorState::kRunning, "", "");
}

void ReportEnd(const char* how) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    ProcessReport& report = shared->processes;
    report.archiving_pid = 0;
    report.archiving_since = 0;
    strlcpy(report.last_exit, how, sizeof(report.last_exit));
    report.last_exit_time = GetCurrentTimestamp();
    LWLockRelease(shared->lock);
}

void PlanRestart(const char* problem, const char* hint) {
    watch.start_after = Later(watch.pause_ms);
    watch.pause_ms = Min(watch.pause_ms * 2, kLongestPauseMs);
    ReportState(SupervisorState::kWaiting, problem, hint);
}

void Start() {
    char problem[512];
    if (!StartProcess("archive", Lifetime::kOutlivesParent, &watch.process, problem,
                      sizeof(problem))) {
        ereport(WARNING, (errmsg("could not start the archiving process of agri_backup"),
                          errdetail("%s", problem)));
        PlanRestart(problem, "Install the agri_backup executable of this version again.");
        return;
    }
    watch.started = GetCurrentTimestamp();
    SendConfig(watch.process.channel);
    ReportStart();
    ereport(DEBUG1, (errmsg_internal("agri_backup: archiving process %d started",
                                     static_cast<int>(watch.process.pid))));
}

void Stop() {
    if (watch.process.pid == 0 || watch.kill_at != 0) return;
    (void)kill(watch.process.pid, SIGTERM);
    watch.told_to_stop = true;
    watch.kill_at = Later(kEndGraceMs);
}

// Every pass: is there a reason not to run, and if not, does the process run?
void Decide() {
    Obstacle obstacle = FindObstacle();
    watch.keeps_schedules = obstacle.kind == Obstacle::Kind::kNone;
    if (obstacle.kind != Obstacle::Kind::kNone) {
        Stop();
        ReportState(obstacle.kind == Obstacle::Kind::kClone ? SupervisorState::kClone
                                                            : SupervisorState::kNotConfigured,
                    obstacle.message, obstacle.hint);
        watch.start_after = 0;
        watch.pause_ms = kFirstPauseMs;
        return;
    }
    if (watch.process.pid == 0 && SteadyNow() >= watch.start_after) Start();
    StartSchedulerIfDue();
}

void NoteHello(const Channel& channel) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    strlcpy(shared->processes.archiving_version, channel.Get("version"),
            sizeof(shared->processes.archiving_version));
    LWLockRelease(shared->lock);
}

void Listen() {
    if (watch.process.pid == 0 || watch.kill_at != 0) return;
    Channel* channel = watch.process.channel;
    for (;;) {
        switch (channel->Receive()) {
            case ChannelEvent::kNothing:
                return;
            case ChannelEvent::kMessage:
                if (channel->Is("HELLO")) NoteHello(*channel);
                if (channel->Is("WAKE")) PgArchWakeup();
                break;
            case ChannelEvent::kClosed:
            case ChannelEvent::kBroken:
                watch.kill_at = Later(kEndGraceMs);
                return;
        }
    }
}

void BuryIfEnded() {
    ProcessEnd end;
    char text[256], hint[512];
    if (watch.process.pid == 0) return;
    if (watch.kill_at != 0 && SteadyNow() >= watch.kill_at) KillProcess(&watch.process);
    if (!ReapProcess(watch.process, &end)) return;
    snprintf(text, sizeof(text), "archiving process %d %s", static_cast<int>(watch.process.pid),
             end.how);
    snprintf(hint, sizeof(hint), "%s It is started again by itself.", end.hint);
    bool was_well = TimestampDifferenceExceeds(watch.started, GetCurrentTimestamp(), kHealthyMs);
    int pause_ms = was_well ? kFirstPauseMs : watch.pause_ms;
    bool told_to_stop = watch.told_to_stop;
    Channel::Destroy(watch.process.channel);
    watch = Watch{};
    watch.pause_ms = pause_ms;
    ReportEnd(text);
    if (told_to_stop) return;
    ereport(LOG, (errmsg("agri_backup: %s", text),
                  errdetail("Sessions are not affected. It is started again in %d seconds.",
                            pause_ms / 1000),
                  end.killed ? errhint("%s", end.hint) : 0));
    PlanRestart(text, hint);
}

bool IsArchiverFailing() {
    LWLockAcquire(shared->lock, LW_SHARED);
    bool failing = shared->archiver.failing_since != 0;
    LWLockRelease(shared->lock);
    return failing;
}

// What the archiver met may be over, and only its next try can tell.
void WakeFailingArchiver() {
    if (watch.process.pid != 0 && IsArchiverFailing()) PgArchWakeup();
}

int PauseMs() {
    if (watch.kill_at != 0) return kReapPollMs;
    long ms = watch.keeps_schedules ? MsUntilScheduler() : kLookAgainMs;
    if (watch.process.pid == 0 && watch.start_after != 0)
        ms = Min(ms, TimestampDifferenceMilliseconds(SteadyNow(), watch.start_after));
    if (watch.process.pid != 0 && IsArchiverFailing()) ms = Min(ms, static_cast<long>(kFailingLookMs));
    return static_cast<int>(Max(Min(ms, static_cast<long>(kLookAgainMs)), 1L));
}

void Wait() {
    bool listen = watch.process.pid != 0 && watch.kill_at == 0;
    int wake = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    if (listen) wake |= WL_SOCKET_READABLE;
    if (listen && watch.process.channel->WantsToWrite()) wake |= WL_SOCKET_WRITEABLE;
    (void)WaitLatchOrSocket(MyLatch, wake, listen ? watch.process.channel->fd() : PGINVALID_SOCKET,
                            PauseMs(), WaitEventFor(Waiting::kForSupervision));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

void Leave(int /*code*/, Datum /*argument*/) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->processes.supervisor_pid = 0;
    shared->schedules.supervisor = nullptr;
    LWLockRelease(shared->lock);
}

void Arrive() {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->processes.supervisor_pid = MyProcPid;
    shared->processes.supervisor_since = GetCurrentTimestamp();
    shared->schedules.supervisor = MyLatch;
    shared->schedules.look_at = 0;
    LWLockRelease(shared->lock);
    before_shmem_exit(Leave, 0);
    watch.pause_ms = kFirstPauseMs;
}

}  // namespace

extern "C" PGDLLEXPORT void AgriSupervisorMain(Datum /*argument*/) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    Arrive();
    MemoryContext pass_context =
        AllocSetContextCreate(TopMemoryContext, "agri_backup supervisor", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(pass_context);
    SweepJobFiles(IsKnownJobName);
    while (!ShutdownRequestPending) {
        MemoryContextReset(pass_context);
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
            LookAtSchedules();
            if (watch.process.pid != 0 && watch.kill_at == 0) SendConfig(watch.process.channel);
        }
        Decide();
        Wait();
        Listen();
        BuryIfEnded();
        WakeFailingArchiver();
    }
    // Exit code 0 would tell the postmaster never to start it again.
    proc_exit(1);
}

void RegisterSupervisor() {
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
    worker.bgw_start_time = BgWorkerStart_PostmasterStart;
    worker.bgw_restart_time = kRestartSeconds;
    strlcpy(worker.bgw_library_name, "agri_backup", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "AgriSupervisorMain", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "agri_backup supervisor", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "agri_backup supervisor", sizeof(worker.bgw_type));
    RegisterBackgroundWorker(&worker);
}

}  // namespace agri::pg

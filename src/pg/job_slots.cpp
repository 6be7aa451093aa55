// See job_slots.hpp.
#include "pg/job_slots.hpp"

#include <signal.h>

#include "pg/errors.hpp"
#include "pg/shared.hpp"

namespace agri::pg {

namespace {

// A worker that never came to life (the postmaster had no room) leaves its slot after this long.
constexpr int kStartGraceMs = 60000;

// The job at that address, if it is still there. The lock is held.
Job* Find(JobAddress address) {
    Job& job = shared->slots[address.slot].job;
    return job.generation == address.generation ? &job : nullptr;
}

bool NeverBegan(const Job& job) {
    return job.state == JobState::kStarting && job.worker_pid == 0 &&
           TimestampDifferenceExceeds(job.since, GetCurrentTimestamp(), kStartGraceMs);
}

const Job* RunningBackup() {
    for (const JobSlot& slot : shared->slots)
        if (IsActive(slot.job.state) && slot.job.request.kind == JobKind::kBackup &&
            !NeverBegan(slot.job))
            return &slot.job;
    return nullptr;
}

// A free slot, else the one whose job ended first. -1: all are busy.
int FindRoom() {
    int best = -1;
    for (int i = 0; i < kJobSlots; ++i) {
        const Job& job = shared->slots[i].job;
        if (job.state == JobState::kFree || NeverBegan(job)) return i;
        if (IsActive(job.state)) continue;
        if (best < 0 || job.ended < shared->slots[best].job.ended) best = i;
    }
    return best;
}

// "20261122T201501Z-1f2e3d4c": sorts by time, and is unique across restarts of the server.
void NameJob(Job* job) {
    uint32 random = 0;
    if (!pg_strong_random(&random, sizeof(random))) random = static_cast<uint32>(MyProcPid);
    pg_time_t now = timestamptz_to_time_t(job->since);
    size_t length = pg_strftime(job->name, sizeof(job->name), "%Y%m%dT%H%M%SZ", pg_gmtime(&now));
    snprintf(job->name + length, sizeof(job->name) - length, "-%08x", random);
}

void EndJob(Job* job, JobState state) {
    job->state = state;
    job->ended = GetCurrentTimestamp();
    job->worker_pid = 0;
    job->process_pid = 0;
}

// The lock is held, so that the worker cannot be gone and its pid another process's.
bool SignalCancel(Job* job) {
    if (!IsActive(job->state)) return false;
    job->cancel_requested = true;
    if (job->worker_pid != 0) (void)kill(job->worker_pid, SIGINT);
    return true;
}

// Copies the busy job out and raises the error with the lock released.
[[noreturn]] void RaiseBusy(const Job& running) {
    Job job = running;
    LWLockRelease(shared->lock);
    RaiseBackupRunning(job);
}

}  // namespace

const char* JobKindName(JobKind kind) {
    switch (kind) {
        case JobKind::kBackup:
            return "backup";
        case JobKind::kVerify:
            return "verify";
        case JobKind::kInit:
            return "init";
        case JobKind::kRefresh:
            return "refresh";
    }
    return "unknown";
}

JobAddress TakeSlot(const JobRequest& request) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    const Job* running = request.kind == JobKind::kBackup ? RunningBackup() : nullptr;
    if (running != nullptr) RaiseBusy(*running);
    int room = FindRoom();
    if (room < 0) {
        LWLockRelease(shared->lock);
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("%d jobs of agri_backup are running already", kJobSlots),
                        errhint("Wait until one ends; agri_backup.progress shows them.")));
    }
    Job& job = shared->slots[room].job;
    job = Job{};
    job.generation = ++shared->last_generation;
    job.state = JobState::kStarting;
    job.request = request;
    job.since = GetCurrentTimestamp();
    NameJob(&job);
    JobAddress address{room, job.generation};
    LWLockRelease(shared->lock);
    return address;
}

bool ReadJob(JobAddress address, Job* job) {
    LWLockAcquire(shared->lock, LW_SHARED);
    const Job* found = Find(address);
    if (found != nullptr) *job = *found;
    LWLockRelease(shared->lock);
    return found != nullptr;
}

bool ReadSlot(int slot, Job* job) {
    LWLockAcquire(shared->lock, LW_SHARED);
    *job = shared->slots[slot].job;
    LWLockRelease(shared->lock);
    return job->generation != 0;
}

bool IsKnownJobName(const char* name) {
    bool known = false;
    LWLockAcquire(shared->lock, LW_SHARED);
    for (const JobSlot& slot : shared->slots) known |= strcmp(slot.job.name, name) == 0;
    LWLockRelease(shared->lock);
    return known;
}

bool IsBackupRunning() {
    LWLockAcquire(shared->lock, LW_SHARED);
    bool running = RunningBackup() != nullptr;
    LWLockRelease(shared->lock);
    return running;
}

bool BeginJob(JobAddress address, Job* job) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    Job* found = Find(address);
    bool begins = found != nullptr && found->state == JobState::kStarting;
    if (begins) {
        found->state = JobState::kRunning;
        found->worker_pid = MyProcPid;
        *job = *found;
    }
    LWLockRelease(shared->lock);
    return begins;
}

void NoteProcess(JobAddress address, pid_t process_pid) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    if (Job* job = Find(address)) job->process_pid = process_pid;
    LWLockRelease(shared->lock);
}

void NoteBackup(JobAddress address, const char* backup) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    if (Job* job = Find(address)) strlcpy(job->backup, backup, sizeof(job->backup));
    LWLockRelease(shared->lock);
    ConditionVariableBroadcast(&shared->slots[address.slot].changed);
}

bool IsCancelRequested(JobAddress address) {
    LWLockAcquire(shared->lock, LW_SHARED);
    const Job* job = Find(address);
    bool requested = job == nullptr || job->cancel_requested;
    LWLockRelease(shared->lock);
    return requested;
}

void FinishJob(JobAddress address, const char* message, const char* warning, int64 rows) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    if (Job* job = Find(address)) {
        strlcpy(job->message, message, sizeof(job->message));
        strlcpy(job->warning, warning, sizeof(job->warning));
        job->rows = rows;
        EndJob(job, JobState::kDone);
    }
    LWLockRelease(shared->lock);
    ConditionVariableBroadcast(&shared->slots[address.slot].changed);
}

void FailJob(JobAddress address, const Failure& failure) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    Job* job = Find(address);
    if (job != nullptr && IsActive(job->state)) {
        job->failure = failure;
        EndJob(job, JobState::kFailed);
    }
    LWLockRelease(shared->lock);
    ConditionVariableBroadcast(&shared->slots[address.slot].changed);
}

bool CancelJob(JobAddress address) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    Job* job = Find(address);
    bool signalled = job != nullptr && SignalCancel(job);
    LWLockRelease(shared->lock);
    return signalled;
}

bool CancelJobNamed(const char* name) {
    bool signalled = false;
    // A job that has no backup yet is not meant by it.
    if (name[0] == '\0') return false;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    for (JobSlot& slot : shared->slots)
        if (strcmp(slot.job.backup, name) == 0 || strcmp(slot.job.name, name) == 0)
            signalled |= SignalCancel(&slot.job);
    LWLockRelease(shared->lock);
    return signalled;
}

}  // namespace agri::pg

// Shared memory of the module, there when it was preloaded: what the supervisor, the archiver and
// the session workers let others see. Everything is under one lock, held for copies alone.
#pragma once

#include "pg/job.hpp"
#include "pg/server.hpp"

namespace agri::pg {

enum class SupervisorState : int {
    kStarting,
    kNotConfigured,
    kClone,
    kRunning,  // the archiving process runs
    kWaiting,  // it ended; the next start is a moment away
};

// What `status` shows of the supervisor and of the archiving process.
struct ProcessReport {
    pid_t supervisor_pid;
    TimestampTz supervisor_since;
    SupervisorState state;
    char problem[512];
    char hint[512];
    pid_t archiving_pid;
    TimestampTz archiving_since;
    char archiving_version[32];
    int64 archiving_restarts;
    char last_exit[256];
    TimestampTz last_exit_time;
};

// What the archiver met last; failing_since is 0 while archiving works.
struct ArchiverReport {
    TimestampTz failing_since;
    char failed_file[MAXFNAMELEN];
    Failure failure;
};

// When schedules are looked at next, and by whom.
struct ScheduleReport {
    TimestampTz look_at;
    Latch* supervisor;  // nullptr while there is none
};

struct JobSlot {
    Job job;
    ConditionVariable changed;
};

struct Shared {
    LWLock* lock;
    uint64 last_generation;
    ProcessReport processes;
    ArchiverReport archiver;
    ScheduleReport schedules;
    JobSlot slots[kJobSlots];
};

// nullptr when the module was not preloaded.
extern Shared* shared;

// Called by _PG_init while libraries are preloaded.
void RequestSharedMemory();

}  // namespace agri::pg

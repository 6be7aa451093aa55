// The asking side of a job, in the session of whoever calls a function: checks that this server and
// database can serve, starts the job, waits for it on the latch, and decides what an interrupted
// wait means.
#pragma once

#include "pg/job_slots.hpp"

namespace agri::pg {

// Raises an error that says exactly what to fix when the module is not preloaded or this is not
// agri_backup.database. Reads catalogs.
void RequireService();

// Raise an error unless a backup of that kind can be taken, and can have that label (UTF-8).
void CheckBackupKind(const char* kind);
void CheckLabel(const char* label);

// Fills the fields that every request has: kind, who asks. Reads catalogs.
JobRequest MakeRequest(JobKind kind);

struct StartedJob {
    JobAddress address;
    BackgroundWorkerHandle* worker;
};
// Touches shared memory alone, so that a procedure may call it after its commit.
StartedJob StartJob(const JobRequest& request);

enum class WaitUntil { kBackupNamed, kEnded };
enum class OnInterrupt {
    kCancelIfAsked,  // a cancel request ends the job; a timeout or a lost client ends the wait
                     // alone
    kCancelAlways,   // nobody could use the result
};
enum class WaitEnd { kReached, kTimeLimit };

struct WaitOptions {
    WaitUntil until;
    OnInterrupt on_interrupt;
    int limit_ms;  // negative: none
};
// Copies the job as it was last seen. Raises the errors of interrupts.
WaitEnd WaitForJob(const StartedJob& started, const WaitOptions& options, Job* job);

// Runs a job whose result is of use to its caller alone, to its end; raises its failure.
Job RunToEnd(const JobRequest& request);

}  // namespace agri::pg

// The table of jobs in shared memory. A slot is taken by the session that asks, filled in by the
// session worker, and kept after the end until somebody needs it: the result outlives the worker,
// and a requester that stopped waiting leaks nothing. Every function takes and releases the lock.
#pragma once

#include "pg/job.hpp"

namespace agri::pg {

// A job's address; still safe to use when the slot has a later tenant.
struct JobAddress {
    int slot;
    uint64 generation;
};

// Takes a slot for the request. Raises an error when a backup is asked for while another one runs
// (naming who runs it), or when all slots are busy.
JobAddress TakeSlot(const JobRequest& request);

// Copies the job. False when the slot has another tenant by now.
bool ReadJob(JobAddress address, Job* job);
// Copies the tenant of a slot, whoever it is; false when there never was one.
bool ReadSlot(int slot, Job* job);
// Whether a slot still holds a job of that name, running or ended.
bool IsKnownJobName(const char* name);

// Whether a backup of this server is under way.
bool IsBackupRunning();

// Session worker's side. Begin is false when the job was cancelled or given up before it began.
bool BeginJob(JobAddress address, Job* job);
void NoteProcess(JobAddress address, pid_t process_pid);
void NoteBackup(JobAddress address, const char* backup);
bool IsCancelRequested(JobAddress address);
void FinishJob(JobAddress address, const char* message, const char* warning, int64 rows);
// Does nothing when the job ended already.
void FailJob(JobAddress address, const Failure& failure);

// Asks the worker to cancel the job and clean up. False when it ended already.
bool CancelJob(JobAddress address);
// The same by backup identifier or job name.
bool CancelJobNamed(const char* name);

}  // namespace agri::pg

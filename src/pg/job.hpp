// One job as shared memory keeps it: who asked for what, which processes do it, how it ended. All
// text is UTF-8, as the processes speak it. Plain data: it is copied in and out under the lock.
#pragma once

#include "pg/server.hpp"

namespace agri::pg {

inline constexpr int kJobSlots = 8;

// A failure as the wire carries it: `code` is a word of base::ErrorCode or one of the module's own
// ("process_ended", "protocol"); errors.cpp maps them to SQLSTATEs. Longer texts are cut.
struct Failure {
    char code[32];
    char message[1024];
    char detail[2048];
    char hint[1024];
};

enum class JobKind : int { kBackup, kVerify, kInit, kRefresh };
enum class JobState : int { kFree, kStarting, kRunning, kDone, kFailed };

inline bool IsActive(JobState state) {
    return state == JobState::kStarting || state == JobState::kRunning;
}
// The word of the wire and of the views.
const char* JobKindName(JobKind kind);

struct JobRequest {
    JobKind kind;
    char backup_kind[16];
    char label[256];
    char backup[64];  // verify: which; empty means all
    char level[16];
    char requested_by[NAMEDATALEN * 4];
    int requester_pid;
    char schedule[NAMEDATALEN];  // empty: no schedule asks for it
    int64 scheduled_us;          // since 1970
    int64 schedule_clock_us;     // the time it was found due
};

struct Job {
    uint64 generation;  // 0: never used; tells a slot's tenants apart
    JobState state;
    char name[48];  // names its files in jobs/
    JobRequest request;
    TimestampTz since;
    TimestampTz ended;
    pid_t worker_pid;   // session worker
    pid_t process_pid;  // job process
    bool cancel_requested;
    char backup[64];  // identifier, known from STARTED on
    // The result
    Failure failure;
    char message[512];
    char warning[512];  // a success with something to worry about
    int64 rows;
};

}  // namespace agri::pg

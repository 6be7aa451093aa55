// Starting the agri_backup executable and learning how it ended. It is started from a bgworker,
// which has one thread; between fork and exec only async-signal-safe calls run.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace agri::pg {

class Channel;

enum class Lifetime {
    kEndsWithParent,  // a job: SIGTERM when its session worker is gone
    kOutlivesParent,  // the archiving process: archives the shutdown checkpoint after all bgworkers
};

struct Process {
    pid_t pid = 0;               // 0: none
    Channel* channel = nullptr;  // the other end is its descriptor 3
    bool killed = false;         // by KillProcess()
};

struct ProcessEnd {
    char how[200];  // "was ended by signal 11: Segmentation fault" or "ended with exit code 3"
    bool killed;    // by SIGKILL, which was not ours: it had no time for last words
    const char* hint;
};

// Starts `agri_backup server MODE`. False, with `problem` filled, when it cannot.
bool StartProcess(const char* mode, Lifetime lifetime, Process* process, char* problem,
                  size_t problem_size);

void KillProcess(Process* process);

// Does not wait. True when the process was reaped.
bool ReapProcess(const Process& process, ProcessEnd* end);

// Where the executable of this module's version is installed.
void ExecutablePath(char* path, size_t size);

}  // namespace agri::pg

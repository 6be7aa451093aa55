#include "engine/wal_prefetch.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "engine/parallel.hpp"

namespace agri::engine {

using base::Status;

namespace {

// A storage that hangs must not keep the process: after this it ends, whatever it is doing.
constexpr unsigned kLifetimeSeconds = 10;

// With exit code 0, always: in a container the postmaster can be pid 1, adopt us, and take another
// end for the crash of one of its own children.
void EndQuietly(int) { _exit(0); }

bool IsSingleThreaded() {
    std::error_code error;
    size_t threads = 0;
    std::filesystem::directory_iterator tasks("/proc/self/task", error), end;
    for (; !error && tasks != end; tasks.increment(error)) ++threads;
    return !error && threads == 1;
}

uint32_t SpooledBehind(const WalSpool& spool, const PrefetchPlan& plan) {
    uint32_t found = 0;
    for (uint32_t i = 1; i <= plan.segments; ++i)
        found += spool.Has({plan.delivered.timeline, plan.delivered.number + i}) ? 1 : 0;
    return found;
}

// The server's pipes must not be held open: its log collector waits for their end.
void LeaveTheServer() {
    setsid();
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2 && null_fd >= 0; ++fd) dup2(null_fd, fd);
    struct sigaction action {};
    action.sa_handler = EndQuietly;
    for (int signal : {SIGALRM, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE})
        sigaction(signal, &action, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    alarm(kLifetimeSeconds);
}

}  // namespace

void Prefetch(const repo::WalArchive& archive, const WalSpool& spool, const PrefetchPlan& plan) {
    auto lock = spool.TryLock();
    if (!lock || !spool.HasRoomFor(plan.segments)) return;
    const bool has_server = access("postmaster.pid", F_OK) == 0;
    // The first one that is not there, or cannot be read now, ends it: restore_command will ask.
    (void)ParallelFor(plan.segments, plan.threads, [&](uint64_t i) -> Status {
        const base::SegmentId segment{plan.delivered.timeline, plan.delivered.number + 1 + i};
        if (spool.Has(segment)) return {};
        if (has_server && access("postmaster.pid", F_OK) != 0)
            return base::Error(base::ErrorCode::kCancelled, "the server has stopped");
        const std::string name = segment.FileName(spool.segment_size());
        return FetchToFile(archive, {base::WalFileKind::kSegment, name, segment.timeline, name},
                           spool.PathOf(segment));
    });
}

void StartPrefetch(const repo::WalArchive& archive, const WalSpool& spool,
                   const PrefetchPlan& plan) {
    if (2 * SpooledBehind(spool, plan) > plan.segments) return;
    // A fork keeps only the calling thread: with others, their locks could stay taken in the child.
    if (!spool.TryLock() || !IsSingleThreaded()) return;
    const pid_t child = fork();
    if (child < 0) return;
    if (child == 0) {
        LeaveTheServer();
        if (fork() == 0) {
            alarm(kLifetimeSeconds);  // a fork inherits no alarm
            try {
                Prefetch(archive, spool, plan);
            } catch (const std::exception&) {
                // Out of memory: what is not in the spool, restore_command will ask for.
            }
        }
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace agri::engine

// See process.hpp. The child leaves the server's process group (the postmaster signals groups),
// resets what it inherited, and volunteers to be the kernel's first victim when memory runs out.
#include "pg/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/version.hpp"
#include "pg/channel.hpp"
#include "pg/server.hpp"

namespace agri::pg {

namespace {

constexpr int kControlFd = 3;

struct Launch {
    const char* path;
    const char* mode;
    Lifetime lifetime;
    int control_fd;
    pid_t parent;
};

// A postmaster that is process 1, as in a container, adopts a child whose parent ended. Any end of
// it but exit status 0 or 1, which a signal is too, it takes for a crash of one of its own, and
// restarts every session.
constexpr int kFailureStatus = 1;

// SIGTERM stays blocked until the executable can take it (PrepareProcess): its default would end
// the process by a signal.
void ResetSignals() {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (int signal_number = 1; signal_number < NSIG; ++signal_number)
        (void)sigaction(signal_number, &action, nullptr);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

void ArrangeDescriptors(int control_fd) {
    if (control_fd == kControlFd)
        (void)fcntl(control_fd, F_SETFD, 0);
    else if (dup2(control_fd, kControlFd) < 0)
        _exit(kFailureStatus);
    closefrom(kControlFd + 1);
    int null_fd = open("/dev/null", O_RDWR);
    if (null_fd < 0) return;
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    if (null_fd > kControlFd) (void)close(null_fd);
}

void VolunteerForOomKill() {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd < 0) return;
    ssize_t written = write(fd, "800", 3);
    (void)written;
    (void)close(fd);
}

[[noreturn]] void BecomeExecutable(const Launch& launch) {
    if (launch.lifetime == Lifetime::kEndsWithParent) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != launch.parent) _exit(kFailureStatus);
    }
    (void)setsid();
    ResetSignals();
    ArrangeDescriptors(launch.control_fd);
    VolunteerForOomKill();
    execl(launch.path, "agri_backup", "server", launch.mode, static_cast<char*>(nullptr));
    _exit(kFailureStatus);
}

// The server's handlers must not run in the child, where they would act on shared memory.
pid_t ForkWithSignalsBlocked(const Launch& launch) {
    sigset_t all, previous;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &previous);
    pid_t pid = fork();
    if (pid == 0) BecomeExecutable(launch);
    int error_number = errno;
    sigprocmask(SIG_SETMASK, &previous, nullptr);
    errno = error_number;
    return pid;
}

}  // namespace

void ExecutablePath(char* path, size_t size) {
    snprintf(path, size, "%s/agri_backup/%s/agri_backup", pkglib_path, base::kVersion);
}

bool StartProcess(const char* mode, Lifetime lifetime, Process* process, char* problem,
                  size_t problem_size) {
    char path[MAXPGPATH];
    ExecutablePath(path, sizeof(path));
    if (access(path, X_OK) != 0) {
        snprintf(problem, problem_size, "could not execute \"%s\": %s", path, strerror(errno));
        return false;
    }
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        snprintf(problem, problem_size, "could not create a socket pair: %s", strerror(errno));
        return false;
    }
    pid_t pid = ForkWithSignalsBlocked({path, mode, lifetime, ends[1], getpid()});
    int error_number = errno;
    (void)close(ends[1]);
    Channel* channel = Channel::Create(ends[0]);
    if (pid < 0 || channel == nullptr) {
        Channel::Destroy(channel);
        // Without its control socket the new process ends by itself.
        snprintf(problem, problem_size, "could not start \"%s\": %s", path,
                 strerror(pid < 0 ? error_number : ENOMEM));
        return false;
    }
    process->pid = pid;
    process->channel = channel;
    return true;
}

void KillProcess(Process* process) {
    process->killed = true;
    (void)kill(process->pid, SIGKILL);
}

bool ReapProcess(const Process& process, ProcessEnd* end) {
    int status = 0;
    pid_t reaped = waitpid(process.pid, &status, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR)) return false;
    if (reaped < 0)
        strlcpy(end->how, "ended", sizeof(end->how));
    else if (WIFSIGNALED(status))
        snprintf(end->how, sizeof(end->how), "was ended by signal %d: %s", WTERMSIG(status),
                 pg_strsignal(WTERMSIG(status)));
    else
        snprintf(end->how, sizeof(end->how), "ended with exit code %d", WEXITSTATUS(status));
    end->killed =
        reaped > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !process.killed;
    end->hint = end->killed ? "The kernel does that when memory runs out, of the machine or of a "
                              "container or service in it: see dmesg. Give it more, or lower "
                              "agri_backup.memory_limit or agri_backup.parallel."
                            : "The server log has its last words.";
    return true;
}

}  // namespace agri::pg

// postmaster.pid's lines are those of src/include/utils/pidfile.h: pid, data directory, start time,
// port, socket folder, listen address, shared memory key and id, status.
#include "engine/server_check.hpp"

#include <signal.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <set>
#include <sstream>
#include <vector>

#include "base/file.hpp"
#include "repo/place.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr uint64_t kMaxLockFileBytes = 64 << 10;

// None when there is no such file.
Result<std::vector<std::string>> ReadLines(const std::string& path) {
    AGRI_ASSIGN(const auto content, base::ReadFileIfPresent(path, kMaxLockFileBytes));
    std::vector<std::string> lines;
    if (!content) return lines;
    std::istringstream stream{std::string(base::AsText(*content))};
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::string Line(const std::vector<std::string>& lines, size_t number) {
    return number <= lines.size() ? lines[number - 1] : std::string();
}

long ToNumber(const std::string& text) {
    long value = 0;
    const char* begin = text.data() + (text.starts_with('-') ? 1 : 0);
    std::from_chars(begin, text.data() + text.size(), value);
    return value;
}

bool IsSameFolder(const std::string& a, const struct stat& b) {
    struct stat info {};
    return stat(a.c_str(), &info) == 0 && info.st_dev == b.st_dev && info.st_ino == b.st_ino;
}

// A postmaster's working directory is its data directory. Unreadable: another user's, unknown.
enum class Use { kYes, kNo, kUnknown };
Use UsesFolder(long pid, const struct stat& folder) {
    struct stat info {};
    if (stat(fmt::format("/proc/{}/cwd", pid).c_str(), &info) != 0)
        return errno == ENOENT ? Use::kNo : Use::kUnknown;
    return info.st_dev == folder.st_dev && info.st_ino == folder.st_ino ? Use::kYes : Use::kNo;
}

bool IsPostgres(long pid) {
    const auto lines = ReadLines(fmt::format("/proc/{}/comm", pid));
    const std::string name = lines ? Line(*lines, 1) : std::string();
    return name == "postgres" || name == "postmaster";
}

base::Error ServerAtWork(const std::string& folder, std::string detail) {
    return MakeError(ErrorCode::kClusterState, "a server is running in \"{}\"", folder)
        .WithDetail(std::move(detail))
        .WithHint("Stop it first. A restore never writes below a running server.");
}

Status CheckLockFile(const std::string& folder, const struct stat& info,
                     const std::vector<std::string>& lines) {
    const long pid = ToNumber(Line(lines, 1));
    const bool is_alive = pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
    if (is_alive && pid != getpid() && pid != getppid()) {
        const Use use = UsesFolder(pid, info);
        if (use == Use::kYes || (use == Use::kUnknown && IsPostgres(pid)))
            return ServerAtWork(folder, fmt::format("Its postmaster.pid names process {}.", pid));
    }
    // "key id": backends of a postmaster that was killed keep the segment attached.
    std::istringstream keys(Line(lines, 7));
    unsigned long key = 0;
    int id = -1;
    struct shmid_ds segment {};
    if (keys >> key >> id && shmctl(id, IPC_STAT, &segment) == 0 && segment.shm_nattch > 0 &&
        static_cast<unsigned long>(segment.shm_perm.__key) == key)
        return ServerAtWork(
            folder, fmt::format("Its shared memory segment {} is still attached by {} processes.",
                                id, static_cast<unsigned long>(segment.shm_nattch)));
    return {};
}

bool AcceptsConnections(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof(address.sun_path)) return false;
    socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    base::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return fd && connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

// A server in another pid namespace (a container) is seen by its socket only.
Status CheckSocket(const std::string& folder, const struct stat& info,
                   const std::vector<std::string>& lines) {
    const std::string place = Line(lines, 5);
    if (place.empty()) return {};
    const std::string socket_path = fmt::format("{}/.s.PGSQL.{}", place, ToNumber(Line(lines, 4)));
    const auto lock = ReadLines(socket_path + ".lock");
    // Another user's server, so not one in a folder that this process can write to.
    if (!lock && lock.error().code == ErrorCode::kPermission) return {};
    if (!lock) return lock.error();
    const std::string owner = Line(*lock, 2);
    if (owner.empty() || (owner != folder && !IsSameFolder(owner, info))) return {};
    if (!AcceptsConnections(socket_path)) return {};
    return ServerAtWork(folder, fmt::format("It accepts connections at \"{}\".", socket_path));
}

// Process ids of servers and their sessions; none where /proc is not mounted and nobody can tell.
Result<std::vector<long>> PostgresProcesses() {
    std::vector<long> found;
    std::error_code error;
    std::filesystem::directory_iterator entry("/proc", error);
    if (error == std::errc::no_such_file_or_directory) return found;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const long pid = ToNumber(entry->path().filename());
        if (pid > 0 && IsPostgres(pid)) found.push_back(pid);
    }
    if (error) return base::ErrnoError(error.value(), "could not list the processes in \"/proc\"");
    return found;
}

// Somebody may have removed postmaster.pid under a running server.
Status CheckProcesses(const std::string& folder, const struct stat& info) {
    AGRI_ASSIGN(const std::vector<long> processes, PostgresProcesses());
    for (long pid : processes)
        if (UsesFolder(pid, info) == Use::kYes)
            return ServerAtWork(folder, fmt::format("Process {} works in that directory.", pid));
    return {};
}

}  // namespace

Status CheckNoServer(const std::string& data_directory) {
    struct stat info {};
    if (stat(data_directory.c_str(), &info) != 0) {
        if (errno == ENOENT) return {};
        return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", data_directory));
    }
    auto lock = ReadLines(data_directory + "/postmaster.pid");
    if (!lock)
        return std::move(lock).error().WithHint(
            "Whether a server runs there cannot be told without it. Run this as the server's user, "
            "or as root.");
    const std::vector<std::string>& lines = *lock;
    AGRI_TRY(CheckLockFile(data_directory, info, lines));
    AGRI_TRY(CheckSocket(data_directory, info, lines));
    return CheckProcesses(data_directory, info);
}

// A process that ends meanwhile, or is another user's, has no directory to tell; in a container the
// same path is another folder.
Result<std::vector<std::string>> RunningDataDirectories() {
    AGRI_ASSIGN(const std::vector<long> processes, PostgresProcesses());
    std::set<std::string> found;
    for (long pid : processes) {
        std::error_code error;
        const auto folder =
            std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", pid), error).string();
        struct stat info {};
        if (error || stat(folder.c_str(), &info) != 0 || UsesFolder(pid, info) != Use::kYes)
            continue;
        if (repo::IsDataDirectory(folder)) found.insert(folder);
    }
    return std::vector<std::string>(found.begin(), found.end());
}

Status CheckWriterStopped(const repo::format::WriterClaim& writer, std::string hint) {
    if (repo::HostName() != writer.host()) return {};
    auto here = repo::IdentifyDataDirectory(writer.data_directory());
    if (!here && here.error().code == ErrorCode::kNotFound) return {};
    if (!here) return std::move(here).error();
    if (here->machine_id != writer.machine_id()) return {};
    Status stopped = CheckNoServer(writer.data_directory());
    if (stopped || stopped.error().code != ErrorCode::kClusterState) return stopped;
    return std::move(stopped.error()).WithHint(std::move(hint));
}

Status CheckOtherWriterStopped(const repo::format::WriterClaim& writer,
                               const std::string& data_directory, std::string hint) {
    std::error_code failure;
    if (std::filesystem::equivalent(writer.data_directory(), data_directory, failure)) return {};
    return CheckWriterStopped(writer, std::move(hint));
}

}  // namespace agri::engine

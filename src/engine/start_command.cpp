#include "engine/start_command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "engine/quoting.hpp"

extern char** environ;

namespace agri::engine {

namespace {

bool IsFile(const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

// "PostgreSQL 15.20 (Debian …)" → 15.
uint32_t MajorOf(const std::string& version) {
    std::istringstream words(version);
    std::string name;
    uint32_t major = 0;
    words >> name >> major;
    return major;
}

std::string PgCtl(const StartFacts& facts, const std::string& server_options) {
    std::string command = facts.run_as.empty() ? "" : facts.run_as + " ";
    command += ShellQuote(facts.bin_folder.empty() ? "pg_ctl" : facts.bin_folder + "/pg_ctl");
    command += " -D " + ShellQuote(facts.data_directory);
    command += " -l " + ShellQuote(facts.data_directory + "/agri_backup_start.log");
    if (!server_options.empty()) command += " -o " + ShellQuote(server_options);
    return command + " start";
}

// pg_ctl hands -o to a shell of its own, so values are quoted once for that.
std::string Option(std::string_view setting, const std::string& value) {
    return fmt::format("-c {}={}", setting, value.empty() ? "''" : ShellQuote(value));
}

enum class Source { kOriginal, kRestored };

std::string ServerOptions(const StartFacts& facts, Source source) {
    std::string options;
    for (const char* setting : {"config_file", "hba_file", "ident_file"}) {
        auto file = facts.configuration.find(setting);
        if (file == facts.configuration.end()) continue;
        const auto& [original, restored] = file->second;
        const bool take_original = source == Source::kOriginal && IsFile(original);
        options +=
            (options.empty() ? "" : " ") + Option(setting, take_original ? original : restored);
    }
    if (options.empty()) return options;
    // The configuration file may name the original's data directory, which counts more than -D
    // does, and a pid file that a running original keeps up to date.
    options += " " + Option("data_directory", facts.data_directory);
    if (facts.role == RestoreRole::kClone) options += " " + Option("external_pid_file", "");
    return options;
}

// Debian's tools know a cluster by /etc/postgresql/MAJOR/NAME.
std::string DebianCluster(const StartFacts& facts) {
    auto file = facts.configuration.find("config_file");
    if (file == facts.configuration.end()) return {};
    const std::string prefix = fmt::format("/etc/postgresql/{}/", facts.major_version);
    const std::string& original = file->second.original;
    if (!original.starts_with(prefix) || !IsFile(original) || !IsFile("/usr/bin/pg_ctlcluster"))
        return {};
    const std::string name = original.substr(prefix.size(), original.rfind('/') - prefix.size());
    return name.find('/') == std::string::npos ? name : std::string();
}

}  // namespace

StartCommand MakeStartCommand(const StartFacts& facts) {
    StartCommand start;
    const std::string original = ServerOptions(facts, Source::kOriginal);
    const std::string restored = ServerOptions(facts, Source::kRestored);
    start.command = PgCtl(facts, original);
    if (original != restored)
        start.notes.push_back(
            fmt::format("the start command uses the configuration files of this machine; with "
                        "those of the backup: {}",
                        PgCtl(facts, restored)));
    const std::string cluster = DebianCluster(facts);
    if (!cluster.empty() && facts.data_directory == facts.original_data_directory)
        start.notes.push_back(
            fmt::format("on Debian this starts it too: {}pg_ctlcluster {} {} start",
                        facts.run_as.empty() ? "sudo " : "", facts.major_version, cluster));
    return start;
}

std::string RunAsCommand(const std::string& user) {
    const bool has_sudo = IsFile("/usr/bin/sudo") || !IsFile("/usr/sbin/runuser");
    return fmt::format("{} -u {}{}", has_sudo ? "sudo" : "runuser", ShellQuote(user),
                       has_sudo ? "" : " --");
}

std::string FirstLineOf(const std::string& program, const std::string& argument) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return {};
    base::Fd reading(ends[0]), writing(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char* argv[] = {const_cast<char*>(program.c_str()), const_cast<char*>(argument.c_str()),
                    nullptr};
    pid_t child = -1;
    const int failed = posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    writing.Reset();
    if (failed != 0) return {};
    std::array<std::byte, 4096> output;
    auto read = base::ReadSome(reading.get(), output, program);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!read || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return {};
    const std::string_view text = base::AsText(base::ByteView(output).first(*read));
    return std::string(text.substr(0, text.find('\n')));
}

namespace {

// What stands before "/usr/…" in this program's own path: a tree installed with DESTDIR has its own
// PostgreSQL. Empty for an ordinary installation.
std::string InstallationRoot() {
    std::array<char, 4096> path;
    const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
    const std::string_view program(path.data(), length > 0 ? static_cast<size_t>(length) : 0);
    const size_t usr = program.rfind("/usr/");
    return usr == std::string_view::npos ? std::string() : std::string(program.substr(0, usr));
}

}  // namespace

std::string FindBinFolder(uint32_t major_version) {
    for (const std::string& root : {InstallationRoot(), std::string()})
        for (const std::string& folder :
             {fmt::format("{}/usr/lib/postgresql/{}/bin", root, major_version),
              fmt::format("{}/usr/pgsql-{}/bin", root, major_version)})
            if (access((folder + "/pg_ctl").c_str(), X_OK) == 0) return folder;
    const char* path = getenv("PATH");
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string program = folder + "/pg_config";
        if (!folder.starts_with('/') || access(program.c_str(), X_OK) != 0) continue;
        if (MajorOf(FirstLineOf(program, "--version")) == major_version)
            return FirstLineOf(program, "--bindir");
    }
    return {};
}

}  // namespace agri::engine

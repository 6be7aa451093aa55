// Reading /proc for who we are, and deciding about others. Errs on the side of leaving a file
// alone.
#include "storage/posix_litter.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <vector>

#include "base/bytes.hpp"
#include "base/file.hpp"

namespace agri::storage {

namespace {

// Nobody can ask another host about its processes. But a living writer touches its file with every
// write and finishes an object within minutes, so a file that was idle for a week has none; the
// week covers a machine that was suspended, or cut off from the share over a long holiday weekend.
constexpr std::chrono::seconds kForeignIdle = std::chrono::hours(7 * 24);
// The same host with another boot id has restarted, unless it is a cloned machine that kept its
// host name: the clone's living writer would have touched the file within the hour.
constexpr std::chrono::seconds kOtherBootIdle = std::chrono::hours(1);

// A file of /proc or nothing; they are small and have no size to ask for.
std::string ReadProcFile(const std::string& path) {
    const base::Fd fd = base::OpenAt(AT_FDCWD, path, O_RDONLY);
    std::array<std::byte, 4096> buffer;
    if (!fd) return {};
    auto bytes = base::ReadSome(fd.get(), buffer, path);
    if (!bytes) return {};
    return std::string(base::AsText(base::ByteView(buffer).first(*bytes)));
}

// Host names hold letters, digits, dots and dashes; anything else would break the form.
std::string Sanitize(std::string_view text) {
    std::string out;
    for (char c : text.substr(0, 64))
        out += isalnum(static_cast<unsigned char>(c)) || c == '.' ? c : '_';
    return out.empty() ? "unknown" : out;
}

// Field 22; the second one is the command in parentheses and may itself hold spaces and
// parentheses.
uint64_t ReadStartTicks(uint64_t pid) {
    std::string stat = ReadProcFile("/proc/" + std::to_string(pid) + "/stat");
    size_t position = stat.rfind(')');
    if (position == std::string::npos) return 0;
    for (int field = 2; field < 22 && position != std::string::npos; field++)
        position = stat.find(' ', position + 1);
    if (position == std::string::npos) return 0;
    uint64_t ticks = 0;
    std::from_chars(stat.data() + position + 1, stat.data() + stat.size(), ticks);
    return ticks;
}

std::string ReadPidNamespace() {
    std::array<char, 64> target;
    ssize_t length = readlink("/proc/self/ns/pid", target.data(), target.size());
    std::string digits;
    for (ssize_t i = 0; i < length; i++)
        if (isdigit(static_cast<unsigned char>(target[i]))) digits += target[i];
    return digits.empty() ? "0" : digits;
}

bool ParseNumber(std::string_view text, uint64_t& out) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string WriterIdentity::FileName(uint64_t n) const {
    return fmt::format("{}-{}-{}-{}-{}-{}", host, boot, pid_namespace, pid, start_ticks, n);
}

std::optional<WriterIdentity> WriterIdentity::Parse(std::string_view file_name) {
    std::vector<std::string_view> fields;
    while (true) {
        size_t dash = file_name.find('-');
        fields.push_back(file_name.substr(0, dash));
        if (dash == std::string_view::npos) break;
        file_name.remove_prefix(dash + 1);
    }
    WriterIdentity writer;
    uint64_t n;
    if (fields.size() != 6 || !ParseNumber(fields[3], writer.pid) ||
        !ParseNumber(fields[4], writer.start_ticks) || !ParseNumber(fields[5], n))
        return std::nullopt;
    writer.host = fields[0];
    writer.boot = fields[1];
    writer.pid_namespace = fields[2];
    return writer;
}

WriterIdentity ThisProcess() {
    std::array<char, 256> host{};
    (void)gethostname(host.data(), host.size() - 1);
    std::string boot = ReadProcFile("/proc/sys/kernel/random/boot_id");
    std::erase_if(boot, [](char c) { return c == '-' || c == '\n'; });
    WriterIdentity self;
    self.host = Sanitize(host.data());
    self.boot = Sanitize(boot);
    self.pid_namespace = ReadPidNamespace();
    self.pid = static_cast<uint64_t>(getpid());
    self.start_ticks = ReadStartTicks(self.pid);
    return self;
}

bool IsProcessGone(uint64_t pid, uint64_t start_ticks) {
    if (kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return true;
    // The pid is in use, perhaps by somebody newer. Unreadable (hidepid): not certain.
    uint64_t ticks_now = ReadStartTicks(pid);
    return ticks_now != 0 && start_ticks != 0 && ticks_now != start_ticks;
}

bool IsLitter(const std::optional<WriterIdentity>& writer, const WriterIdentity& self,
              std::chrono::seconds idle, const GoneProbe& is_gone) {
    if (!writer || writer->host != self.host) return idle > kForeignIdle;
    if (writer->boot != self.boot) return idle > kOtherBootIdle;
    if (writer->pid_namespace != self.pid_namespace) return idle > kForeignIdle;
    return is_gone(writer->pid, writer->start_ticks);
}

}  // namespace agri::storage

// Identity from /proc and /etc. A process counts as dead only on the kernel's own word (ESRCH), or
// when its pid now belongs to a process that started at another time.
#include "repo/machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <span>

#include "base/file.hpp"

namespace agri::repo {

namespace {

// Files of /proc have no size: read, not stat.
base::Result<std::string> ReadSmallFile(const std::string& path) {
    AGRI_ASSIGN(const auto fd, base::OpenFile(path, O_RDONLY));
    std::array<char, 4096> buffer;
    AGRI_ASSIGN(const size_t bytes,
                base::ReadSome(fd.get(), std::as_writable_bytes(std::span(buffer)), path));
    return std::string(buffer.data(), bytes);
}

// What stays so (there is no such file, or it is another user's) is an answer: no identity.
base::Result<std::string> ReadIdentity(const std::string& path) {
    auto text = ReadSmallFile(path);
    if (!text && (text.error().code == base::ErrorCode::kNotFound ||
                  text.error().code == base::ErrorCode::kPermission))
        return std::string();
    if (text) text->resize(std::min(text->find('\n'), text->size()));
    return text;
}

std::string PidNamespace() {
    struct stat info;
    if (stat("/proc/self/ns/pid", &info) != 0) return "0";
    return std::to_string(info.st_ino);
}

// What /proc/PID/stat tells.
struct ProcessFacts {
    char state = 0;            // field 3
    uint64_t start_ticks = 0;  // field 22
};

// The second field, the command in parentheses, may hold blanks and parentheses itself.
std::optional<ProcessFacts> FactsOf(int64_t pid) {
    const std::string text = ReadSmallFile(fmt::format("/proc/{}/stat", pid)).value_or("");
    size_t at = text.rfind(')');
    if (at == std::string::npos || at + 2 >= text.size()) return std::nullopt;
    ProcessFacts facts{.state = text[at + 2]};
    for (int field = 2; field < 22; ++field) {
        at = text.find(' ', at + 1);
        if (at == std::string::npos) return std::nullopt;
    }
    auto parsed =
        std::from_chars(text.data() + at + 1, text.data() + text.size(), facts.start_ticks);
    if (parsed.ec != std::errc()) return std::nullopt;
    return facts;
}

class KernelProcessTable final : public ProcessTable {
   public:
    ProcessIdentity Self() const override {
        int64_t pid = getpid();
        return {HostName(), fmt::format("{}+{}", BootId().value_or(""), PidNamespace()), pid,
                FactsOf(pid).value_or(ProcessFacts{}).start_ticks};
    }
    bool IsCertainlyDead(const ProcessIdentity& process) const override {
        if (!RanHere(process)) return false;
        if (kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return true;
        auto facts = FactsOf(process.pid);
        return facts && process.start_ticks != 0 && facts->start_ticks != process.start_ticks;
    }
    bool IsAtWork(const ProcessIdentity& process) const override {
        if (!RanHere(process)) return false;
        auto facts = FactsOf(process.pid);
        return facts && facts->start_ticks == process.start_ticks &&
               std::string_view("RSD").find(facts->state) != std::string_view::npos;
    }

   private:
    bool RanHere(const ProcessIdentity& process) const {
        ProcessIdentity self = Self();
        return process.host == self.host && process.boot_id == self.boot_id &&
               !self.boot_id.starts_with('+') && process.pid > 0;
    }
};

}  // namespace

std::string HostName() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return {};
    std::string text = name.data();
    // The kernel takes any bytes; records and messages want text.
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c <= ' ' || c > '~'; }, '?');
    return text;
}

base::Result<std::string> BootId() { return ReadIdentity("/proc/sys/kernel/random/boot_id"); }

base::Result<std::string> MachineId() { return ReadIdentity("/etc/machine-id"); }

const ProcessTable& SystemProcessTable() {
    static const KernelProcessTable* const table = new KernelProcessTable();
    return *table;
}

}  // namespace agri::repo

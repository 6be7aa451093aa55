// Names of temporary files, and the judgement whether their writer is certainly dead. The name says
// who writes: host, boot, pid namespace, pid and the process's start, so that neither a reused pid
// nor a container or another host on the same share is mistaken for the writer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace agri::storage {

struct WriterIdentity {
    std::string host;           // for the reader of the name, and the first thing compared
    std::string boot;           // the kernel's random boot id, without dashes
    std::string pid_namespace;  // its inode number: pids mean nothing outside of it
    uint64_t pid = 0;
    uint64_t start_ticks = 0;  // /proc/PID/stat; 0 when it could not be read

    auto operator<=>(const WriterIdentity&) const = default;
    // "HOST-BOOT-NAMESPACE-PID-TICKS-N", N being unique to one file; no field holds a dash.
    std::string FileName(uint64_t n) const;
    // nullopt for names of another form.
    static std::optional<WriterIdentity> Parse(std::string_view file_name);
};

WriterIdentity ThisProcess();

// True when no process `pid` that started at `start_ticks` lives in our pid namespace.
bool IsProcessGone(uint64_t pid, uint64_t start_ticks);

using GoneProbe = std::function<bool(uint64_t pid, uint64_t start_ticks)>;

// Whether a temporary file may be removed. `writer` is nullopt when its name is not of our form;
// `idle` is the time since its last write by the filesystem's own clock.
bool IsLitter(const std::optional<WriterIdentity>& writer, const WriterIdentity& self,
              std::chrono::seconds idle, const GoneProbe& is_gone);

}  // namespace agri::storage

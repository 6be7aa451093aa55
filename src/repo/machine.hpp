// What tells this machine and this process from others: for salts, leases and claims.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace agri::repo {

// The kernel's host name; empty when it cannot be read.
std::string HostName();
// /proc/sys/kernel/random/boot_id: new at every boot, shared by all containers of a machine. Empty
// where there is none to read; an error when it cannot be read just now.
base::Result<std::string> BootId();
// /etc/machine-id; empty in most containers. Errors as BootId()'s.
base::Result<std::string> MachineId();

// A process that a record of the repository names.
struct ProcessIdentity {
    std::string host;
    // The boot id, "+" and the inode of the pid namespace: pids mean nothing in another one.
    std::string boot_id;
    int64_t pid = 0;
    uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat: tells a reused pid

    bool operator==(const ProcessIdentity&) const = default;
};

// Injected, so that tests can let a holder die. Thread-safe.
class ProcessTable {
   public:
    virtual ~ProcessTable() = default;
    virtual ProcessIdentity Self() const = 0;
    // True only when the process ran here, in this boot and pid namespace, and is no more. Anything
    // unknown (another host, an unreadable /proc) is false.
    virtual bool IsCertainlyDead(const ProcessIdentity& process) const = 0;
    // True only when the process runs here and now: it is there and not stopped by a signal.
    virtual bool IsAtWork(const ProcessIdentity& process) const = 0;
};

// The kernel's. Thread-safe, never destroyed.
const ProcessTable& SystemProcessTable();

}  // namespace agri::repo

// Which WAL file is archived next, and what the archiver is told about each: the policy of
// archiving, without threads, files or sockets. What was made durable is remembered until its
// .ready file is gone, so that looking ahead pays; what fails is tried again for ever, ever more
// slowly.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "worker/backoff.hpp"

namespace agri::worker {

// Whether a failure concerns one file or whatever would be archived next.
enum class FailureScope { kFile, kStorage };

struct ArchiveFailure {
    base::Error error;
    FailureScope scope = FailureScope::kStorage;
};

// Tells a file from another one that later has its name.
struct FileStamp {
    uint64_t inode = 0;
    uint64_t size = 0;
    int64_t changed_ns = 0;
    bool operator==(const FileStamp&) const = default;
};

// One piece of work. An empty name: only try whether the repository can be written to again.
struct ArchiveWork {
    std::string name;
    bool IsProbe() const { return name.empty(); }
};

// Not thread-safe; times are the monotonic clock's.
class ArchiveQueue {
   public:
    struct Options {
        size_t parallel = 1;       // files in work at once
        size_t remembered = 1024;  // durable files whose .ready still stands
        BackoffOptions backoff;
    };
    ArchiveQueue(Options options, base::Random& random) : options_(options), random_(random) {}

    void SetParallel(size_t parallel) { options_.parallel = parallel; }
    // The archiver asks for this file: it goes first. What was remembered of another file of that
    // name is dropped.
    void Request(const std::string& name, const FileStamp& stamp);
    // For all others nobody waits any longer.
    void KeepRequested(const std::set<std::string>& names);
    // What waits by archive_status, in archiving order (ArchivesBefore): all of it when `complete`,
    // else the first ones.
    void SetReady(std::vector<std::string> names, bool complete);
    // The storage behind the queue is another one now: nothing is known to be durable there.
    void StartOver(base::MonotonicTime now);
    // Try what failed at once.
    void Hurry(base::MonotonicTime now);

    // Work to begin now, or nullopt; it counts as in work until Finish.
    std::optional<ArchiveWork> Take(base::MonotonicTime now);
    // The same for a probe out of turn; nullopt while there is one.
    std::optional<ArchiveWork> TakeProbe();
    void FinishDurable(const ArchiveWork& work, const FileStamp& stamp);
    void FinishFailed(const ArchiveWork& work, ArchiveFailure failure, base::MonotonicTime now);
    // Done without a verdict: the settings or the repository changed meanwhile. It will be taken
    // again.
    void FinishVoid(const ArchiveWork& work) { in_work_.erase(work.name); }

    bool IsDurable(const std::string& name) const { return durable_.count(name) > 0; }
    // Why it failed, unless it is being tried or is about to be.
    const base::Error* FailureOf(const std::string& name, base::MonotonicTime now) const;
    // The failure to show: the storage's, else the oldest file's.
    const base::Error* CurrentFailure() const;
    bool IsFailing() const { return CurrentFailure() != nullptr; }
    size_t in_work() const { return in_work_.size(); }
    bool IsInWork(const std::string& name) const { return in_work_.count(name) > 0; }
    // How many of the names last set as ready are known to be durable.
    size_t durable_ready() const { return durable_.size(); }
    // When Take may have work that it had not at `now`; nullopt: not by itself.
    std::optional<base::MonotonicTime> NextDue(base::MonotonicTime now) const;

   private:
    struct Failure {
        base::Error error;
        Backoff backoff;
        uint64_t order = 0;
    };
    bool MayTake(const std::string& name, base::MonotonicTime now) const;
    std::optional<std::string> Choose(base::MonotonicTime now) const;

    Options options_;
    base::Random& random_;
    std::vector<std::string> requested_;  // first asked first
    std::vector<std::string> ready_;
    std::map<std::string, FileStamp> durable_;
    std::set<std::string> in_work_;
    std::map<std::string, Failure> failures_;
    std::optional<Failure> outage_;
    uint64_t next_order_ = 0;
};

}  // namespace agri::worker

// The repository as archiving sees it: opened when it is needed, the writer claim in force before
// the first write, dropped after a failure and opened anew (a storage that vanished stays so for
// good). Before and after each piece of work it is made sure that the same repository still stands
// there.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/lsn.hpp"
#include "engine/wal_push.hpp"
#include "worker/archive_queue.hpp"
#include "worker/environment.hpp"
#include "worker/server_config.hpp"

namespace agri::worker {

// Thread-safe. Every call may wait for storage: never made on the main loop's thread.
class ArchiveTarget {
   public:
    // The configuration's settings must be usable.
    ArchiveTarget(const ServerConfig& config, const Environment& environment);

    // Makes a file of pg_wal durable in the repository.
    std::optional<ArchiveFailure> Push(const base::WalFileName& file, const std::string& path);
    // After a clean shutdown, by pg_control: saves the unfinished segment, which holds the shutdown
    // checkpoint. nullopt also when there is nothing to save.
    std::optional<base::Error> SaveUnfinished();
    // Whether the repository can be opened and, once something was to be written, may be written
    // to.
    std::optional<ArchiveFailure> Probe();
    // state/repository.json.
    base::Result<nlohmann::json> Describe();
    // 0 while the repository was never open.
    size_t key_slots() const { return key_slots_; }
    // Rises when another repository stands where the former was: nothing that was done before is
    // in it.
    uint64_t generation() const { return generation_; }
    const engine::Settings& settings() const { return settings_; }
    uint64_t segment_size() const { return identity_.wal_segment_size; }

   private:
    struct Opened;
    using OpenedPtr = std::shared_ptr<Opened>;
    base::Result<OpenedPtr> Open();
    base::Result<OpenedPtr> OpenUnlocked();
    void NoteRepository(const repo::Repository& repository);
    ArchiveFailure Failed(const OpenedPtr& opened, base::Error error);
    std::optional<ArchiveFailure> ConfirmSame(const OpenedPtr& opened);
    base::Result<std::shared_ptr<engine::WalPusher>> Claim(Opened& opened,
                                                           base::TimelineId timeline);
    void Drop(const OpenedPtr& opened);
    base::Status PushHistory(Opened& opened, engine::WalPusher& pusher, base::TimelineId timeline);
    bool IsInRecovery() const;
    std::optional<ArchiveFailure> Await(const std::string& name, const std::string& path);

    const Environment environment_;
    const engine::Settings settings_;
    const std::string data_directory_;
    const repo::ClusterIdentity identity_;
    engine::Progress progress_;
    const engine::Context context_;
    std::mutex mutex_;  // held while opening and claiming
    OpenedPtr opened_;
    std::optional<repo::RepositoryId> repository_id_;  // of what was opened last
    std::atomic<uint64_t> generation_{0};
    std::atomic<uint32_t> newest_timeline_{0};  // of what was to be written; 0: nothing yet
    std::atomic<size_t> key_slots_{0};
};

}  // namespace agri::worker

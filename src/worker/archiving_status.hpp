// state/archiving.json: what archiving does, as agri_backup.status shows it. Written when something
// changed, not too often except when the state turns, and from time to time so that its as_of says that
// the process lives.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "worker/environment.hpp"
#include "worker/ready_folder.hpp"
#include "worker/wal_rate.hpp"

namespace agri::worker {

enum class ArchivingState { kStarting, kOk, kFailing, kClone };

struct StatusOptions {
    std::chrono::milliseconds shortest_pause{500};  // between two writes of the same state
    std::chrono::milliseconds longest_pause{10000};
};

// Not thread-safe.
class ArchivingStatus {
   public:
    // Keeps what an earlier process on this data directory said of times; counters begin anew.
    ArchivingStatus(const Environment& environment, uint64_t segment_size, StatusOptions options);

    void Archived(const std::string& name);
    void Failed(const std::string& name, const base::Error& error);
    void SetState(ArchivingState state, const base::Error* failure);
    void SetReady(const ReadyFiles& ready, uint64_t durable);
    void SetRepository(const std::string& name, size_t key_slots);
    ArchivingState state() const { return state_; }

    // Writes the file when it is time to.
    void WriteIfDue();
    void Write();
    base::MonotonicTime NextWrite() const;

   private:
    void Load();
    nlohmann::json Document() const;
    void AddDisk(nlohmann::json& document) const;

    const Environment environment_;
    const uint64_t segment_size_;
    const StatusOptions options_;
    const uint64_t directory_inode_;  // of the data directory: a copy has another one
    ArchivingState state_ = ArchivingState::kStarting;
    std::string repository_;
    size_t key_slots_ = 0;
    uint64_t archived_count_ = 0, failed_count_ = 0;
    nlohmann::json last_archived_wal_, last_archived_time_, last_failed_wal_, last_failed_time_;
    nlohmann::json failing_since_;
    std::optional<base::Error> error_;
    std::optional<uint64_t> waiting_segments_;
    WalRate rate_;
    bool is_changed_ = true;
    ArchivingState written_state_ = ArchivingState::kStarting;
    bool write_failed_ = false;
    base::MonotonicTime written_{};
};

}  // namespace agri::worker

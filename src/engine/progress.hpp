// How far a job is: counters that working threads bump without locks, and a snapshot for whoever
// shows them (the progress bar, agri_backup.progress).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace agri::engine {

class Progress {
   public:
    std::atomic<uint64_t> bytes_done{0};    // plain bytes
    std::atomic<uint64_t> bytes_total{0};   // 0 while unknown
    std::atomic<uint64_t> files_done{0};
    std::atomic<uint64_t> files_total{0};
    std::atomic<uint64_t> stored_bytes{0};  // written to or read from storage

    // "starting", "checkpoint", "copying", "waiting for WAL", "writing manifest", "restoring" …
    void SetPhase(std::string phase) {
        std::lock_guard lock(mutex_);
        phase_ = std::move(phase);
    }
    std::string phase() const {
        std::lock_guard lock(mutex_);
        return phase_;
    }

   private:
    mutable std::mutex mutex_;
    std::string phase_ = "starting";
};

}  // namespace agri::engine

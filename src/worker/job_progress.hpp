// jobs/<job>.json: how far a job is, as agri_backup.progress shows it; written twice a second by a
// thread of its own, removed when the job has ended.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "engine/progress.hpp"
#include <nlohmann/json.hpp>

namespace agri::worker {

struct JobIdentity {
    std::string job;   // what the file is called; [A-Za-z0-9_-]
    std::string kind;  // "backup", "verify", "init", "refresh"
};

// Thread-safe.
class JobProgress {
   public:
    // Both must outlive it. The first file is there on return.
    JobProgress(JobIdentity job, const engine::Progress& progress, const base::Clock& clock);
    ~JobProgress();
    void SetBackup(const std::string& backup_id);

   private:
    struct Sample {
        base::MonotonicTime time;
        uint64_t bytes;
    };
    void Work();
    void Write();
    nlohmann::json Document();
    nlohmann::json BytesPerSecond(uint64_t bytes_done);

    const JobIdentity job_;
    const engine::Progress& progress_;
    const base::Clock& clock_;
    const std::string path_;
    const base::WallTime started_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool ended_ = false;
    std::string backup_id_;
    std::deque<Sample> samples_;
    std::thread thread_;
};

}  // namespace agri::worker

// Keeps state/repository.json fresh: after the start, on request, and after archiving went on, but
// never so often that describing the repository becomes the main work.
#pragma once

#include <functional>
#include <memory>

#include "worker/archive_target.hpp"
#include "worker/mailbox.hpp"
#include "worker/work_pool.hpp"

namespace agri::worker {

// Belongs to the main loop's thread; the describing is done by the pool.
class ReportKeeper {
   public:
    using Done = std::function<void(const base::Status&)>;
    // `done` is told the outcome of every refresh, on the main loop's thread.
    ReportKeeper(const Environment& environment, WorkPool& pool, Mailbox& mailbox,
                 std::chrono::milliseconds pause, Done done)
        : environment_(environment),
          pool_(pool),
          mailbox_(mailbox),
          pause_(pause),
          done_(std::move(done)) {}

    // What the repository holds has changed: to be described when it is time to.
    void NoteChange() { is_changed_ = true; }
    // Somebody waits for it: to be described anew from now on.
    void Request() { is_requested_ = true; }
    void StartIfDue(const std::shared_ptr<ArchiveTarget>& target);
    base::MonotonicTime NextStart() const;
    bool is_running() const { return is_running_; }

   private:
    void Finish(const base::Status& status, base::MonotonicTime::duration took);

    const Environment environment_;
    WorkPool& pool_;
    Mailbox& mailbox_;
    const std::chrono::milliseconds pause_;
    const Done done_;
    bool is_changed_ = true, is_requested_ = false, is_running_ = false;
    base::MonotonicTime next_{};
};

// Writes state/repository.json, without ranges called missing that only wait to be archived.
base::Status WriteRepositoryState(nlohmann::json document, uint64_t segment_size);

}  // namespace agri::worker

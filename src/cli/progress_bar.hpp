// A progress bar on stderr for long commands: drawn by its own thread from the job's counters, only
// when stderr is a terminal; otherwise a line now and then. Ends with the last state shown.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "engine/progress.hpp"

namespace agri::cli {

class ProgressBar {
   public:
    ProgressBar(const engine::Progress& progress, const base::Clock& clock);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

   private:
    void Run();
    void Draw() const;

    const engine::Progress& progress_;
    const base::Clock& clock_;
    const base::MonotonicTime started_;
    const bool is_terminal_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool done_ = false;
    std::thread thread_;
};

}  // namespace agri::cli

// Threads for work that waits for storage, started as they are needed: as many as there are
// unfinished tasks, which whoever hands them in bounds. An exception never leaves a thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace agri::worker {

// Writes a line and ends the process at once: whatever it held is forgotten, nothing acknowledged
// is lost, and the supervisor starts another one.
[[noreturn]] void ExitOutOfMemory(base::Logger& log);

class WorkPool {
   public:
    explicit WorkPool(base::LoggerPtr log) : log_(std::move(log)) {}
    // Waits for the tasks that were handed in.
    ~WorkPool();
    // Thread-safe. A task that throws is logged and otherwise lost; out of memory ends the process.
    void Run(std::function<void()> task);

   private:
    void Work();

    const base::LoggerPtr log_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;
    size_t idle_ = 0;
    bool closing_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace agri::worker

// The pool itself holds no task's data: what a task needs is in its closure.
#include "worker/work_pool.hpp"

#include <unistd.h>

#include <cstdlib>
#include <new>
#include <system_error>

namespace agri::worker {

void ExitOutOfMemory(base::Logger& log) {
    log.critical("out of memory: exiting; work that was not acknowledged will be done again");
    _exit(EXIT_FAILURE);
}

WorkPool::~WorkPool() {
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
        wake_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
}

void WorkPool::Run(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (tasks_.size() <= idle_) {
        wake_.notify_one();
        return;
    }
    try {
        threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error& error) {
        // With another thread alive the task only waits.
        if (threads_.empty()) ExitOutOfMemory(*log_);
        log_->warn("could not start a thread: {}", error.what());
    }
}

void WorkPool::Work() {
    try {
        std::unique_lock lock(mutex_);
        while (true) {
            ++idle_;
            wake_.wait(lock, [&] { return closing_ || !tasks_.empty(); });
            --idle_;
            if (tasks_.empty()) return;
            std::function<void()> task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            try {
                task();
            } catch (const std::bad_alloc&) {
                throw;
            } catch (const std::exception& error) {
                log_->error("internal error: {}", error.what());
            }
            task = nullptr;
            lock.lock();
        }
    } catch (...) {
        ExitOutOfMemory(*log_);
    }
}

}  // namespace agri::worker

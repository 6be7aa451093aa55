#include "engine/copy_queue.hpp"

namespace agri::engine {

bool CopyQueue::Push(CopyTask task) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return is_closed_ || tasks_.size() < capacity_; });
    if (is_closed_) return false;
    tasks_.push_back(std::move(task));
    filled_.notify_one();
    return true;
}

QueueAnswer CopyQueue::Pop(CopyTask& task, Holding holding) {
    std::unique_lock lock(mutex_);
    const bool holds_bundle = holding == Holding::kBundle;
    filled_.wait(lock,
                 [&] { return is_closed_ || !tasks_.empty() || (is_stalled_ && holds_bundle); });
    if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
        room_.notify_one();
        return QueueAnswer::kTask;
    }
    return holds_bundle ? QueueAnswer::kFlush : QueueAnswer::kClosed;
}

void CopyQueue::SetStalled() {
    std::lock_guard lock(mutex_);
    is_stalled_ = true;
    filled_.notify_all();
}

void CopyQueue::ClearStalled() {
    std::lock_guard lock(mutex_);
    is_stalled_ = false;
}

void CopyQueue::Close() {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    filled_.notify_all();
    room_.notify_all();
}

void CopyQueue::Abort() {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    tasks_.clear();
    filled_.notify_all();
    room_.notify_all();
}

}  // namespace agri::engine

// A blocking queue of bounded length between pipeline stages: the bound is what keeps memory flat.
// Any number of producers and consumers. Close() lets consumers drain; Abort() drops what is
// queued.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace agri::base {

template <class T>
class BoundedQueue {
   public:
    explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

    // Waits for room. False when the queue was closed or aborted; the item is dropped then.
    bool Push(T item) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return closed_ || items_.size() < capacity_; });
        if (closed_) return false;
        items_.push_back(std::move(item));
        filled_.notify_one();
        return true;
    }
    // Waits for an item. nullopt when the queue is closed and empty.
    std::optional<T> Pop() {
        std::unique_lock lock(mutex_);
        filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
        if (items_.empty()) return std::nullopt;
        std::optional<T> item(std::move(items_.front()));
        items_.pop_front();
        room_.notify_one();
        return item;
    }
    void Close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        filled_.notify_all();
        room_.notify_all();
    }
    void Abort() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        items_.clear();
        filled_.notify_all();
        room_.notify_all();
    }

   private:
    const size_t capacity_;
    std::mutex mutex_;
    std::condition_variable filled_, room_;
    std::deque<T> items_;
    bool closed_ = false;
};

}  // namespace agri::base

#include "engine/file_window.hpp"

namespace agri::engine {

void AppendExtent(const FileExtent& extent, std::vector<FileExtent>& extents) {
    if (!extent.chunk && !extents.empty() && !extents.back().chunk)
        extents.back().length += extent.length;
    else
        extents.push_back(extent);
}

void FileWindow::Add(std::shared_ptr<PendingFile> file) {
    extents_ += file->extents_expected;
    files_.push_back(std::move(file));
}

std::shared_ptr<PendingFile> FileWindow::TakeFront() {
    if (files_.empty() || files_.front()->ranges_left.load(std::memory_order_acquire) != 0)
        return nullptr;
    std::shared_ptr<PendingFile> file = std::move(files_.front());
    files_.pop_front();
    extents_ -= file->extents_expected;
    return file;
}

bool FileWindow::WaitForFront() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] {
        return is_aborted_ || files_.front()->ranges_left.load(std::memory_order_acquire) == 0;
    });
    return !is_aborted_;
}

void FileWindow::RangeDone(PendingFile& file) {
    if (file.ranges_left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    // Taken and given back, so that a waiter between its look and its sleep is not missed.
    { std::lock_guard lock(mutex_); }
    finished_.notify_one();
}

void FileWindow::Abort() {
    std::lock_guard lock(mutex_);
    is_aborted_ = true;
    finished_.notify_one();
}

}  // namespace agri::engine

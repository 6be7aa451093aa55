// What the walk hands to the copying threads. Beyond a plain queue it tells a thread when to let go
// of small files it is still collecting: the walk may be waiting for exactly those.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "base/file.hpp"
#include "engine/file_window.hpp"

namespace agri::engine {

// A range of a file. `fd` is shared by all ranges of a large file, so that they are of one inode
// whatever happens to the name; null for a small file, which its thread opens.
struct CopyTask {
    std::shared_ptr<PendingFile> file;
    std::shared_ptr<base::Fd> fd;
    uint64_t offset = 0;
    uint32_t range = 0;
};

enum class QueueAnswer { kTask, kFlush, kClosed };
enum class Holding { kNothing, kBundle };

class CopyQueue {
   public:
    explicit CopyQueue(size_t capacity) : capacity_(capacity) {}
    // Waits for room; false once aborted.
    bool Push(CopyTask task);
    // The next task; or, to a thread that holds a bundle, kFlush when nothing is queued and the
    // walk is stalled or over; or kClosed.
    QueueAnswer Pop(CopyTask& task, Holding holding);
    // While stalled, nothing new comes before some thread finishes what it holds.
    void SetStalled();
    void ClearStalled();
    void Close();
    void Abort();

   private:
    const size_t capacity_;
    std::mutex mutex_;
    std::condition_variable room_, filled_;
    std::deque<CopyTask> tasks_;
    bool is_stalled_ = false;
    bool is_closed_ = false;
};

}  // namespace agri::engine

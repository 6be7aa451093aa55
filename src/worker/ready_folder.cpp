// Reading archive_status: after a long outage it holds a hundred thousand names, so the first ones
// are kept in a heap of bounded size and the rest is only counted.
#include "worker/ready_folder.hpp"

#include <dirent.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/lsn.hpp"

namespace agri::worker {

using base::Result;
using base::WalFileKind;
using base::WalFileName;

namespace {

constexpr std::string_view kReady = ".ready", kDone = ".done", kHistory = ".history";

class Collector {
   public:
    Collector(uint64_t segment_size, size_t limit) : segment_size_(segment_size), limit_(limit) {}

    void Add(std::string_view entry) {
        bool is_ready = entry.ends_with(kReady);
        if (!is_ready && !entry.ends_with(kDone)) return;
        entry.remove_suffix(is_ready ? kReady.size() : kDone.size());
        auto file = WalFileName::Parse(entry);
        if (!file) return;
        bool is_segment =
            file->kind == WalFileKind::kSegment || file->kind == WalFileKind::kPartial;
        auto segment = base::SegmentId::Parse(file->segment_name, segment_size_);
        if (is_segment && segment)
            found_.newest_segment = std::max(found_.newest_segment, segment->number + 1);
        if (!is_ready) return;
        ++found_.files;
        found_.segments += is_segment;
        Keep(std::move(file->name));
    }
    ReadyFiles Take() {
        std::sort_heap(found_.first.begin(), found_.first.end(), ArchivesBefore);
        found_.complete = found_.files == found_.first.size();
        return std::move(found_);
    }

   private:
    // A heap with the name that is archived last on top.
    void Keep(std::string name) {
        auto& heap = found_.first;
        if (heap.size() == limit_) {
            if (!ArchivesBefore(name, heap.front())) return;
            std::pop_heap(heap.begin(), heap.end(), ArchivesBefore);
            heap.pop_back();
        }
        heap.push_back(std::move(name));
        std::push_heap(heap.begin(), heap.end(), ArchivesBefore);
    }

    const uint64_t segment_size_;
    const size_t limit_;
    ReadyFiles found_;
};

}  // namespace

bool ArchivesBefore(std::string_view a, std::string_view b) {
    bool a_is_history = a.ends_with(kHistory), b_is_history = b.ends_with(kHistory);
    if (a_is_history != b_is_history) return a_is_history;
    return a < b;
}

Result<ReadyFiles> ReadReadyFolder(const std::string& folder, uint64_t segment_size, size_t limit) {
    std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
    if (!entries)
        return base::ErrnoError(errno, fmt::format("could not open folder \"{}\"", folder));
    Collector collector(segment_size, limit);
    errno = 0;
    while (const dirent* entry = readdir(entries.get())) collector.Add(entry->d_name);
    if (errno != 0)
        return base::ErrnoError(errno, fmt::format("could not read folder \"{}\"", folder));
    return collector.Take();
}

ReadyWatch::ReadyWatch(const std::string& folder)
    : inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    constexpr uint32_t kAppears = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
    if (inotify_ && inotify_add_watch(inotify_.get(), folder.c_str(), kAppears) < 0)
        inotify_.Reset();
}

void ReadyWatch::Drain() {
    std::array<char, 16384> events;
    while (inotify_ && read(inotify_.get(), events.data(), events.size()) > 0) continue;
}

}  // namespace agri::worker

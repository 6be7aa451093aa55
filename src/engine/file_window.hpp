// The files between the walk, which finds them in order, and the manifest, which takes them in
// order, while threads finish them in any order. Bounded: the walk waits when too much is
// unfinished.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "repo/manifest.hpp"

namespace agri::engine {

using FileExtent = repo::ManifestWriter::FileExtent;

// Adds an extent; a hole behind a hole makes it longer.
void AppendExtent(const FileExtent& extent, std::vector<FileExtent>& extents);

// A run of a file's bytes that one thread copies.
struct FileRange {
    uint64_t length = 0;
    uint32_t crc32c = 0;
    std::vector<FileExtent> extents;
};

// Each range is written by the thread that copies it; the rest is the walking thread's, but for
// the entry of a file of one range, which that range's thread completes.
struct PendingFile {
    repo::format::FileEntry entry;
    std::string full_path;
    std::vector<FileRange> ranges;
    std::atomic<uint32_t> ranges_left{0};
    std::atomic<bool> is_gone{false};  // it vanished: no entry
    uint64_t extents_expected = 0;
};

class FileWindow {
   public:
    // Bounds of the unfinished part: files, and extents over all of them (a single larger file is
    // let in alone).
    FileWindow(size_t max_files, uint64_t max_extents)
        : max_files_(max_files), max_extents_(max_extents) {}

    // The walking thread's calls.
    bool HasRoom() const { return files_.size() < max_files_ && extents_ < max_extents_; }
    void Add(std::shared_ptr<PendingFile> file);
    bool IsEmpty() const { return files_.empty(); }
    // The next file in order, if it is finished; null otherwise.
    std::shared_ptr<PendingFile> TakeFront();
    // Waits until the next file in order is finished; false after Abort().
    bool WaitForFront();

    // From any thread.
    void RangeDone(PendingFile& file);
    void Abort();

   private:
    const size_t max_files_;
    const uint64_t max_extents_;
    std::deque<std::shared_ptr<PendingFile>> files_;
    uint64_t extents_ = 0;
    std::mutex mutex_;
    std::condition_variable finished_;
    bool is_aborted_ = false;
};

}  // namespace agri::engine

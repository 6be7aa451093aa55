// One copying thread of a backup: reads files, checks pages, leaves out zeros and appends the rest
// as chunks to packs of its own. Small files share chunks.
#pragma once

#include <functional>

#include "engine/context.hpp"
#include "engine/copy_queue.hpp"
#include "engine/first_error.hpp"
#include "engine/page_checker.hpp"
#include "engine/walk_plan.hpp"
#include "repo/pack.hpp"

namespace agri::engine {

// Plain bytes of a chunk, of a range (what one thread takes of a large file at a time), and the
// size up to which files share chunks. Ranges are whole chunks, chunks are whole pages.
inline constexpr uint64_t kChunkBytes = 1u << 20;
inline constexpr uint64_t kRangeBytes = 32 * kChunkBytes;
inline constexpr uint64_t kBundledFileBytes = kChunkBytes / 2;
inline constexpr size_t kMaxBundledFiles = 1024;

// Moments at which tests change files under the copy.
struct CopyHooks {
    std::function<void(const std::string& path)> before_open;  // any thread
    std::function<void(const std::string& path)> after_open;
};

struct CopyCounters {
    std::atomic<uint64_t> files{0};
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> read_bytes{0};
    std::atomic<uint64_t> zero_bytes{0};
    std::atomic<uint64_t> gone{0};
};

// What all threads of a copy share; owned by BackupCopy.
struct CopyShared {
    const Context& context;
    const WalkPlan& plan;
    FirstError& failure;  // set by whoever fails first; everybody else stops soon after
    CopyQueue queue;
    FileWindow window;
    PageChecker* checker = nullptr;  // null: checksums are off
    CopyHooks hooks;
    CopyCounters counters;

    // Stops everything with this error.
    void Fail(base::Error error);
    // OK, the first failure, or kCancelled.
    base::Status CheckGoingOn() const;
};

// Lives in one thread.
class CopyWorker {
   public:
    CopyWorker(CopyShared& shared, repo::PackWriter packs);
    // Until the queue is closed; finishes the packs. An error is the caller's to report.
    base::Status Run();

   private:
    struct BundledFile {
        std::shared_ptr<PendingFile> file;
        uint32_t offset = 0;
        uint32_t length = 0;
    };

    base::Status Copy(CopyTask task);
    base::Status CopyRange(const CopyTask& task, int fd);
    base::Status CopySmallFile(const CopyTask& task);
    base::Result<bool> OpenSmallFile(PendingFile& file, base::Fd& fd);
    base::Status AddToBundle(const CopyTask& task, int fd);
    base::Status FlushBundle();
    base::Status Fill(PendingFile& file, int fd, uint64_t offset, base::MutableBytes out);
    void CountStored();

    CopyShared& shared_;
    repo::PackWriter packs_;
    base::Bytes chunk_;
    base::Bytes bundle_;
    uint32_t bundle_used_ = 0;
    std::vector<BundledFile> bundled_;
    uint64_t counted_stored_ = 0;
};

// Opens a file for reading as a backup does: not through a final symbolic link (unless it is a
// configuration file outside), never blocking on what turned into a pipe. nullopt when it vanished
// or is no regular file any more.
base::Result<std::optional<base::Fd>> OpenForCopy(const repo::format::FileRoot& root,
                                                  const std::string& full_path, struct stat& info);

}  // namespace agri::engine

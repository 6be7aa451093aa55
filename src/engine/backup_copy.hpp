// The copying part of a backup: walks the files in order, has them copied by threads in any order,
// and hands them to the manifest in order. Bounded memory whatever the number and size of files.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/copy_worker.hpp"
#include "engine/file_entry.hpp"
#include "repo/manifest.hpp"

namespace agri::engine {

struct CopyOptions {
    std::string backup_id;
    uint64_t digest_seed = 0;
    CopyHooks hooks;
};

// Driven by one thread. Destruction stops the copying threads and waits for them.
class BackupCopy {
   public:
    // `checker` may be null (checksums off). `failure` is shared with others that can end the
    // backup (a lost lease); whoever sets it ends the copy too.
    BackupCopy(const repo::Incarnation& incarnation, const WalkPlan& plan, PageChecker* checker,
               FirstError& failure, const CopyOptions& options, const Context& context);
    ~BackupCopy();
    BackupCopy(const BackupCopy&) = delete;
    BackupCopy& operator=(const BackupCopy&) = delete;

    // Copies everything but the files that come last; their places are reserved. No thread is left.
    base::Status Run();
    // backup_label, tablespace_map and global/pg_control of the data directory; after Run().
    struct LateFile {
        std::string path;
        struct stat info {};
        base::ByteView content;
        bool is_written_last = false;
    };
    base::Status AddLateFile(const LateFile& file);
    // Removes what was stored, for a backup that comes to nothing; after Run(), before Commit().
    base::Status RemovePacks();
    // Completes file pages and packs; after it only Commit() is missing.
    base::Status Finish();
    base::Status Commit(const repo::format::ManifestHeader& header,
                        std::vector<repo::format::PageFailure> page_failures);

    const CopyCounters& counters() const { return shared_.counters; }
    uint64_t stored_bytes() const;

    // Names of the files that come last, in order.
    static const std::vector<std::string>& LateFileNames();

   private:
    repo::PackWriter NewPackWriter();
    void WorkerThread() noexcept;
    void StopThreads();
    base::Status WalkAndCollect();
    base::Status OnFile(WalkedFile walked);
    base::Status Enqueue(std::shared_ptr<PendingFile> file, std::shared_ptr<base::Fd> fd);
    base::Status MakeRoom();
    base::Status CollectFinished();
    base::Status CollectRest();
    base::Status AddToManifest(PendingFile& file);
    base::Status ReserveLateFilesBefore(uint32_t root, std::string_view path);

    const repo::Incarnation& incarnation_;
    const CopyOptions options_;
    CopyShared shared_;
    OwnerNames owners_;
    std::mutex packs_mutex_;
    std::vector<repo::PackId> begun_packs_;
    std::vector<repo::format::PackRef> pack_refs_;
    repo::PackWriter metadata_packs_;
    repo::ManifestWriter manifest_;
    size_t late_reserved_ = 0;
    std::vector<std::thread> threads_;
};

// Copying threads: those that `parallel` asks for and a few that wait for the disk, as many as stay
// within memory_limit with their buffers.
uint32_t CopyThreads(const Settings& settings);

}  // namespace agri::engine

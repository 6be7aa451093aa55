// Archiving WAL files into one or more repositories: check the header against the cluster, read the
// records once, seal, put, and only then say it is durable.
#pragma once

#include <memory>
#include <string>

#include "engine/context.hpp"
#include "repo/wal_archive.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::engine {

struct WalPushResult {
    storage::PutOutcome outcome = storage::PutOutcome::kCreated;
    uint64_t stored_bytes = 0;
    repo::format::WalIndex index;
};

struct UnfinishedPush {
    storage::PutOutcome outcome = storage::PutOutcome::kExists;
    base::Lsn end;  // of the last record
};

// Archives the WAL files of one incarnation, which must outlive it. Thread-safe: several files at
// once; a segment's scan waits for its predecessor's when that one is in flight here, and else
// takes the predecessor's tail from the same folder or from the archive. Each segment is held in
// memory whole; calls wait while all of them together would exceed settings.memory_limit_bytes.
class WalPusher {
   public:
    WalPusher(const repo::Incarnation& incarnation, uint64_t writer_epoch);
    ~WalPusher();
    // `path`: the file to read; its last component is its WAL name. kConflict: other content stands
    // there, or it belongs to another cluster; kInvalidArgument: not a WAL file; kNotFound: no such
    // file. Damage behind a segment's first page does not stop archiving: it is in
    // index.scan_problem and in the log.
    base::Result<WalPushResult> Push(const std::string& path, const Context& context);
    // Saves the segment that a stopped server left unfinished, up to its last record (repo/
    // wal_tail.hpp); nothing when no record is in it. `supersedes`: other content saved before
    // gives way, because the server itself says so.
    base::Result<UnfinishedPush> PushUnfinished(const std::string& path, bool supersedes,
                                                const Context& context);

    const repo::Incarnation& incarnation() const;

   private:
    struct State;
    std::unique_ptr<State> state_;
};

// `wal-push FILE` by a person: what does not say whose it is must not lie in another cluster's
// folder.
base::Result<WalPushResult> PushWalFile(WalPusher& pusher, const std::string& path,
                                        const Context& context);

// `wal-push FOLDER`: archives what a dead server left in pg_wal, in order; complete segments plain,
// stops before the unfinished one (reported in `left`). Files already there are compared. Recycled
// segments, whose content is older than their name, are none of the server's WAL and are passed
// over. Another cluster's folder, a clone's and one without any WAL file are refused whole.
struct FolderPush {
    uint64_t archived = 0;
    uint64_t already_there = 0;
    std::string left;  // the unfinished segment, empty if none
    // Up to where the unfinished segment was saved all the same, because the server is not running;
    // invalid while it is: it goes on with it.
    base::Lsn left_saved_to;
};
// Files that cannot be archived don't stop the others; the first one's error is returned then, with
// the number of all in its detail.
base::Result<FolderPush> PushWalFolder(WalPusher& pusher, const std::string& folder,
                                       const Context& context);

}  // namespace agri::engine

// Segments fetched ahead of restore_command, in a folder inside the data directory. A file stands
// there under its segment's name only when it is whole and its content was verified, so a segment
// is used exactly when its name is there. Nothing of it is synced: the folder's name holds the boot
// id, so what a power loss may have torn is never looked at again.
#pragma once

#include <optional>
#include <string>

#include "base/file.hpp"
#include "repo/wal_archive.hpp"

namespace agri::engine {

// Writes one archived file under a temporary name beside `destination` and renames it. kNotFound
// when the archive certainly has no such file; on any error nothing stands at the destination.
base::Status FetchToFile(const repo::WalArchive& archive, const base::WalFileName& file,
                         const std::string& destination);
// The same for content at hand.
base::Status StoreFile(base::ByteView content, const std::string& destination);

// Not thread-safe, but any number of processes may use one folder.
class WalSpool {
   public:
    // Makes the folder when it is missing. Empty when that is impossible: the spool is a
    // convenience.
    static std::optional<WalSpool> Open(const std::string& folder,
                                        const repo::Incarnation& incarnation);

    // Moves the segment to `destination`; false when it is not there or is not what it should be.
    bool Take(base::SegmentId segment, const std::string& destination) const;
    bool Has(base::SegmentId segment) const;
    std::string PathOf(base::SegmentId segment) const;
    // Removes every file but the `keep` segments that follow `current` on its timeline.
    void Trim(base::SegmentId current, uint32_t keep) const;
    // Removes everything, the folder included: who is still filling it can add nothing more.
    void Clear() const;
    // Held by the one process that fills the folder; empty when another one does.
    std::optional<base::Fd> TryLock() const;
    // Whether the file system has room for that many segments and as many again.
    bool HasRoomFor(uint32_t segments) const;
    uint64_t segment_size() const { return segment_size_; }

   private:
    WalSpool(std::string folder, uint64_t segment_size, uint64_t system_identifier)
        : folder_(std::move(folder)),
          segment_size_(segment_size),
          system_identifier_(system_identifier) {}
    bool IsUsable(base::SegmentId segment) const;

    std::string folder_;
    uint64_t segment_size_;
    uint64_t system_identifier_;
};

}  // namespace agri::engine

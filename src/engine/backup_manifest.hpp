// PostgreSQL's backup_manifest (src/backend/backup/backup_manifest.c), which pg_verifybackup checks
// a restored directory with. Written as a stream, one line a file, its SHA-256 taken along.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "codec/digest.hpp"
#include "engine/target.hpp"

namespace agri::engine {

struct ManifestLine {
    std::string_view path;  // relative to the data directory, any bytes
    uint64_t size = 0;
    int64_t mtime_ns = 0;
    std::optional<uint32_t> crc32c;
};

// Not thread-safe.
class BackupManifestWriter {
   public:
    // Writes to `fd` (not owned). Version 2 with the system identifier for PostgreSQL 17 and later.
    BackupManifestWriter(int fd, std::string path, const repo::format::ManifestHeader& backup);
    base::Status AddFile(const ManifestLine& line);
    // WAL ranges, checksum, and everything written out; not synced.
    base::Status Finish(const std::vector<TimelineStep>& wal_ranges);

   private:
    base::Status Begin();
    base::Status Append(std::string_view text);
    base::Status Flush();

    const int fd_;
    const std::string path_;
    const uint64_t system_identifier_;
    const bool has_system_identifier_;
    bool is_first_ = true;
    std::string buffer_;
    codec::Sha256Stream digest_;
};

// What pg_verifybackup never looks at (should_ignore_relpath of src/bin/pg_verifybackup).
bool IsIgnoredByVerifyBackup(std::string_view path);

// The WAL that the backup itself needs, timeline by timeline.
std::vector<TimelineStep> BackupWalRanges(const repo::format::ManifestHeader& backup);

}  // namespace agri::engine

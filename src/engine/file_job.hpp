// One regular file while it is restored: opened once, written in pieces by several threads, checked
// and given its metadata by whichever thread ends the last piece.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/file_owner.hpp"
#include "engine/target_walk.hpp"
#include "repo/manifest.hpp"

namespace agri::engine {

using FileExtent = repo::ManifestWriter::FileExtent;

// What may stand where a file is restored.
enum class ExistingContent {
    kNone,     // the folder was empty: a file there already is an error
    kCompare,  // keep what is right of it
};

struct FileJob {
    repo::format::FileEntry entry;  // without extents
    const TargetFolder* folder = nullptr;
    std::string path;  // relative, under a temporary name for files that are put in place last

    std::string Full() const { return folder->Full(path); }

    // Opens or creates the file with its full length; any thread, the first call counts.
    base::Status Open(FolderCursor& cursor, ExistingContent existing);
    int fd() const { return fd_.get(); }
    // True when the file was there before: its bytes are compared before they are written.
    bool was_there() const { return was_there_; }

    struct Part {
        uint64_t offset = 0;
        uint64_t length = 0;
        uint32_t crc32c = 0;
    };
    void AddPart(const Part& part);
    // Pieces not ended yet. The producer counts as one until it has handed out the last piece.
    std::atomic<uint64_t> open_pieces{1};
    // Compares the whole file's CRC with the recorded one. kCorrupt names file and backup.
    base::Status CheckContent(const std::string& backup_id);
    // Metadata, and the descriptor closed.
    base::Status Finish(OwnerResolver& owners, const std::string& backup_id);

   private:
    base::Status Create(int parent_fd, const std::string& name);
    base::Status OpenExisting(int parent_fd, const std::string& name);

    std::mutex mutex_;
    base::Fd fd_;
    base::Status open_status_;
    bool is_opened_ = false;
    bool was_there_ = false;
    std::vector<Part> parts_;
};

// A run of a file's extents, written by one thread.
struct FilePiece {
    std::shared_ptr<FileJob> job;
    uint64_t offset = 0;
    std::vector<FileExtent> extents;  // empty: inline content
};

struct WriteCounters {
    std::atomic<uint64_t> written_bytes{0};
};

// Writes pieces. Not thread-safe: one a thread.
class PieceWriter {
   public:
    PieceWriter(const repo::ManifestReader& manifest, ExistingContent existing);
    // `done` grows by every byte that is in place.
    base::Status Write(const FilePiece& piece, std::atomic<uint64_t>& done);
    // Bytes that were written because they were missing or different.
    uint64_t written_bytes() const { return written_bytes_; }

   private:
    base::Status WriteExtent(FileJob& job, uint64_t offset, const FileExtent& extent,
                             uint32_t& crc);
    base::Status WriteData(FileJob& job, uint64_t offset, const FileExtent& extent, uint32_t& crc);
    base::Status WriteZeros(FileJob& job, uint64_t offset, uint64_t length);
    // The bytes of the file at that place.
    base::Result<base::ByteView> ReadInPlace(FileJob& job, uint64_t offset, uint64_t length);
    base::Status PutBytes(FileJob& job, uint64_t offset, base::ByteView bytes);

    const ExistingContent existing_;
    const uint64_t digest_seed_;
    repo::ChunkReader reader_;
    FolderCursor cursor_;
    base::Bytes buffer_;
    uint64_t written_bytes_ = 0;
};

}  // namespace agri::engine

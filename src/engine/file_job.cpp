#include "engine/file_job.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "codec/digest.hpp"
#include "engine/walk_plan.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr uint64_t kWriteBehindBytes = 4u << 20;

}  // namespace

Status FileJob::Create(int parent_fd, const std::string& name) {
    const std::string full = Full();
    AGRI_ASSIGN(
        fd_, base::OpenFileAt(parent_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, full));
    // What no extent writes stays a hole.
    if (ftruncate(fd_.get(), static_cast<off_t>(entry.size())) != 0)
        return ErrnoError(errno, fmt::format("could not set the length of \"{}\"", full));
    return {};
}

Status FileJob::OpenExisting(int parent_fd, const std::string& name) {
    struct stat info {};
    if (fstatat(parent_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return Create(parent_fd, name);
        return ErrnoError(errno, fmt::format("could not stat \"{}\"", Full()));
    }
    // A link, or a file that another name shares (a copy made with cp -al): what is written here
    // must not show there.
    if (!S_ISREG(info.st_mode) || info.st_nlink > 1) {
        if (unlinkat(parent_fd, name.c_str(), 0) != 0)
            return ErrnoError(errno, fmt::format("could not remove \"{}\"", Full()));
        return Create(parent_fd, name);
    }
    AGRI_ASSIGN(fd_, base::OpenFileAt(parent_fd, name, O_RDWR | O_NOFOLLOW, 0600, Full()));
    was_there_ = true;
    if (static_cast<uint64_t>(info.st_size) == entry.size()) return {};
    if (ftruncate(fd_.get(), static_cast<off_t>(entry.size())) != 0)
        return ErrnoError(errno, fmt::format("could not set the length of \"{}\"", Full()));
    return {};
}

Status FileJob::Open(FolderCursor& cursor, ExistingContent existing) {
    std::lock_guard lock(mutex_);
    if (is_opened_) return open_status_;
    is_opened_ = true;
    const auto open = [&]() -> Status {
        AGRI_ASSIGN(const int parent, cursor.ParentOf(*folder, path));
        const std::string name(SplitLast(path).name);
        return existing == ExistingContent::kNone ? Create(parent, name)
                                                  : OpenExisting(parent, name);
    };
    open_status_ = open();
    return open_status_;
}

void FileJob::AddPart(const Part& part) {
    std::lock_guard lock(mutex_);
    parts_.push_back(part);
}

Status FileJob::CheckContent(const std::string& backup_id) {
    std::sort(parts_.begin(), parts_.end(),
              [](const Part& a, const Part& b) { return a.offset < b.offset; });
    uint32_t crc = 0;
    uint64_t length = 0;
    for (const Part& part : parts_) {
        if (part.offset != length) break;
        crc = codec::Crc32cCombine(crc, part.crc32c, part.length);
        length += part.length;
    }
    if (length == entry.size() && (!entry.has_crc32c() || crc == entry.crc32c())) return {};
    return MakeError(ErrorCode::kCorrupt,
                     "file \"{}\" of backup {} does not have its recorded checksum",
                     PrintablePath(entry.path()), backup_id)
        .WithDetail(fmt::format("CRC-32C is {:08x}, recorded {:08x}; length is {}, recorded {}.",
                                crc, entry.crc32c(), length, entry.size()))
        .WithHint("Restore another backup, and check the repository with \"agri_backup verify\".");
}

Status FileJob::Finish(OwnerResolver& owners, const std::string& backup_id) {
    std::lock_guard lock(mutex_);
    AGRI_TRY(CheckContent(backup_id));
    AGRI_TRY(ApplyMetadata(fd_.get(), entry, owners.Resolve(entry), Full()));
    fd_.Reset();
    return {};
}

PieceWriter::PieceWriter(const repo::ManifestReader& manifest, ExistingContent existing)
    : existing_(existing),
      digest_seed_(manifest.header().digest_seed()),
      reader_(manifest.packs(), manifest.header().digest_seed()) {}

Status PieceWriter::Write(const FilePiece& piece, std::atomic<uint64_t>& done) {
    FileJob& job = *piece.job;
    AGRI_TRY(job.Open(cursor_, existing_));
    const std::string& content = job.entry.inline_content();
    if (piece.extents.empty() && !content.empty()) {
        AGRI_TRY(PutBytes(job, 0, base::AsBytes(content)));
        job.AddPart({0, content.size(), codec::Crc32c(0, base::AsBytes(content))});
        done += content.size();
    }
    uint64_t offset = piece.offset;
    uint32_t crc = 0;
    for (const FileExtent& extent : piece.extents) {
        AGRI_TRY(WriteExtent(job, offset, extent, crc));
        offset += extent.length;
        done += extent.length;
    }
    if (offset == piece.offset) return {};
    job.AddPart({piece.offset, offset - piece.offset, crc});
    // The disk begins now, instead of all at once when everything is synced; what it says then
    // counts.
    if (offset - piece.offset >= kWriteBehindBytes)
        (void)sync_file_range(job.fd(), static_cast<off_t>(piece.offset),
                              static_cast<off_t>(offset - piece.offset), SYNC_FILE_RANGE_WRITE);
    return {};
}

Status PieceWriter::WriteExtent(FileJob& job, uint64_t offset, const FileExtent& extent,
                                uint32_t& crc) {
    if (extent.chunk) return WriteData(job, offset, extent, crc);
    if (job.was_there()) AGRI_TRY(WriteZeros(job, offset, extent.length));
    crc = codec::Crc32cCombine(crc, codec::Crc32cOfZeros(extent.length), extent.length);
    return {};
}

Status PieceWriter::WriteData(FileJob& job, uint64_t offset, const FileExtent& extent,
                              uint32_t& crc) {
    const repo::StoredChunk& chunk = *extent.chunk;
    // A whole chunk is compared by its digest, without fetching it.
    if (job.was_there() && extent.chunk_offset == 0 && extent.length == chunk.plain_length) {
        AGRI_ASSIGN(const base::ByteView there, ReadInPlace(job, offset, extent.length));
        if (codec::Xxh128(there, digest_seed_) == chunk.digest) {
            crc = codec::Crc32c(crc, there);
            return {};
        }
    }
    AGRI_ASSIGN(base::ByteView plain, reader_.Read(chunk));
    if (extent.length > plain.size() || extent.chunk_offset > plain.size() - extent.length)
        return MakeError(ErrorCode::kCorrupt, "file \"{}\" refers to bytes outside of a chunk",
                         PrintablePath(job.entry.path()));
    plain = plain.subspan(extent.chunk_offset, extent.length);
    crc = codec::Crc32c(crc, plain);
    if (job.was_there()) {
        AGRI_ASSIGN(const base::ByteView there, ReadInPlace(job, offset, extent.length));
        if (std::equal(there.begin(), there.end(), plain.begin(), plain.end())) return {};
    }
    return PutBytes(job, offset, plain);
}

Status PieceWriter::WriteZeros(FileJob& job, uint64_t offset, uint64_t length) {
    constexpr uint64_t kStep = 1u << 20;
    while (length > 0) {
        const uint64_t step = std::min(length, kStep);
        AGRI_ASSIGN(const base::ByteView there, ReadInPlace(job, offset, step));
        if (!base::IsAllZero(there)) {
            std::fill(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(step),
                      std::byte{0});
            AGRI_TRY(PutBytes(job, offset, {buffer_.data(), step}));
        }
        offset += step;
        length -= step;
    }
    return {};
}

Result<base::ByteView> PieceWriter::ReadInPlace(FileJob& job, uint64_t offset, uint64_t length) {
    if (buffer_.size() < length) buffer_.resize(length);
    const base::MutableBytes out(buffer_.data(), length);
    AGRI_ASSIGN(const size_t read, base::ReadAt(job.fd(), offset, out, job.Full()));
    if (read != length)
        return MakeError(ErrorCode::kIo, "file \"{}\" was cut while it was restored", job.Full());
    return base::ByteView(out);
}

Status PieceWriter::PutBytes(FileJob& job, uint64_t offset, base::ByteView bytes) {
    written_bytes_ += bytes.size();
    return base::WriteAllAt(job.fd(), offset, bytes, job.Full());
}

}  // namespace agri::engine

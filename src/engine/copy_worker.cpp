#include "engine/copy_worker.hpp"

#include <fcntl.h>

#include <algorithm>

#include "codec/digest.hpp"
#include "engine/file_entry.hpp"

namespace agri::engine {

using base::ByteView;
using base::ErrorCode;
using base::Fd;
using base::MutableBytes;
using base::Result;
using base::Status;
using repo::format::FileRoot;

void CopyShared::Fail(base::Error error) {
    failure.Set(std::move(error));
    queue.Abort();
    window.Abort();
}

Status CopyShared::CheckGoingOn() const {
    if (failure.IsSet()) return failure.Check();
    return context.cancel.Check();
}

Result<std::optional<Fd>> OpenForCopy(const FileRoot& root, const std::string& full_path,
                                      struct stat& info) {
    const int follow = root.kind() == FileRoot::CONFIG ? 0 : O_NOFOLLOW;
    Fd fd = base::OpenAt(AT_FDCWD, full_path, O_RDONLY | O_NONBLOCK | follow);
    const std::string printable = PrintablePath(full_path);
    if (!fd) {
        // ELOOP: a link took its place; ENXIO: a socket did.
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO)
            return std::optional<Fd>();
        return base::ErrnoError(errno, fmt::format("could not open file \"{}\"", printable));
    }
    if (fstat(fd.get(), &info) != 0)
        return base::ErrnoError(errno, fmt::format("could not stat file \"{}\"", printable));
    if (!S_ISREG(info.st_mode)) return std::optional<Fd>();
    // Doubles the kernel's read-ahead; what the server has cached stays cached.
    if (static_cast<uint64_t>(info.st_size) > kBundledFileBytes)
        posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::optional<Fd>(std::move(fd));
}

CopyWorker::CopyWorker(CopyShared& shared, repo::PackWriter packs)
    : shared_(shared), packs_(std::move(packs)), chunk_(kChunkBytes), bundle_(kChunkBytes) {}

Status CopyWorker::Run() {
    CopyTask task;
    while (true) {
        AGRI_TRY(shared_.CheckGoingOn());
        const Holding holding = bundled_.empty() ? Holding::kNothing : Holding::kBundle;
        const QueueAnswer answer = shared_.queue.Pop(task, holding);
        if (answer == QueueAnswer::kClosed) break;
        if (answer == QueueAnswer::kFlush)
            AGRI_TRY(FlushBundle());
        else
            AGRI_TRY(Copy(std::move(task)));
    }
    AGRI_TRY(shared_.CheckGoingOn());
    AGRI_TRY(packs_.Finish());
    CountStored();
    return {};
}

Status CopyWorker::Copy(CopyTask task) {
    if (!task.fd) return CopySmallFile(task);
    AGRI_TRY(CopyRange(task, task.fd->get()));
    shared_.window.RangeDone(*task.file);
    return {};
}

Result<bool> CopyWorker::OpenSmallFile(PendingFile& file, Fd& fd) {
    if (shared_.hooks.before_open) shared_.hooks.before_open(file.full_path);
    struct stat info;
    const FileRoot& root = shared_.plan.roots[file.entry.root()].root;
    AGRI_ASSIGN(std::optional<Fd> opened, OpenForCopy(root, file.full_path, info));
    if (!opened) return false;
    fd = std::move(*opened);
    SetFileFacts(info, file.entry);
    AGRI_TRY(ReadFileAttributes(fd.get(), file.full_path, file.entry));
    if (shared_.hooks.after_open) shared_.hooks.after_open(file.full_path);
    return true;
}

Status CopyWorker::CopySmallFile(const CopyTask& task) {
    PendingFile& file = *task.file;
    Fd fd;
    AGRI_ASSIGN(bool is_there, OpenSmallFile(file, fd));
    if (!is_there) {
        file.is_gone = true;
        ++shared_.counters.gone;
        shared_.window.RangeDone(file);
        return {};
    }
    const uint64_t size = file.entry.size();
    file.ranges[0].length = size;
    if (size > 0 && size <= kBundledFileBytes) return AddToBundle(task, fd.get());
    if (size > 0) AGRI_TRY(CopyRange(task, fd.get()));
    shared_.window.RangeDone(file);
    return {};
}

// Reads what the file had when it was opened; what was cut off since is zeros, as in PostgreSQL's
// own base backup: replay cuts it again.
Status CopyWorker::Fill(PendingFile& file, int fd, uint64_t offset, MutableBytes out) {
    auto read = base::ReadAt(fd, offset, out, PrintablePath(file.full_path));
    if (!read) return std::move(read).error();
    std::fill(out.begin() + static_cast<ptrdiff_t>(*read), out.end(), std::byte{0});
    shared_.counters.read_bytes += *read;
    if (shared_.checker == nullptr) return {};
    const FileRoot& root = shared_.plan.roots[file.entry.root()].root;
    std::optional<RelationPlace> place = RelationPlace::Of(root, file.entry.path());
    if (!place) return {};
    const PageChecker::Pages pages{*place, file.entry.root(), file.entry.path(), fd, offset};
    shared_.checker->Check(pages, out.first(*read));
    return {};
}

Status CopyWorker::CopyRange(const CopyTask& task, int fd) {
    PendingFile& file = *task.file;
    FileRange& range = file.ranges[task.range];
    for (uint64_t done = 0; done < range.length;) {
        AGRI_TRY(shared_.CheckGoingOn());
        const uint64_t offset = task.offset + done;
        const auto length = static_cast<uint32_t>(std::min(kChunkBytes, range.length - done));
        MutableBytes plain(chunk_.data(), length);
        AGRI_TRY(Fill(file, fd, offset, plain));
        range.crc32c = codec::Crc32c(range.crc32c, plain);
        done += length;
        if (base::IsAllZero(plain)) {
            AppendExtent({length, std::nullopt, 0}, range.extents);
            shared_.counters.zero_bytes += length;
        } else {
            repo::ChunkUse use{file.entry.root(), file.entry.path(), offset, 0, length};
            AGRI_ASSIGN(repo::StoredChunk chunk, packs_.Append(plain, {std::move(use)}));
            AppendExtent({length, chunk, 0}, range.extents);
        }
        shared_.context.progress.bytes_done += length;
        CountStored();
    }
    return {};
}

Status CopyWorker::AddToBundle(const CopyTask& task, int fd) {
    PendingFile& file = *task.file;
    const auto length = static_cast<uint32_t>(file.entry.size());
    if (bundle_used_ + length > bundle_.size() || bundled_.size() >= kMaxBundledFiles)
        AGRI_TRY(FlushBundle());
    MutableBytes plain(bundle_.data() + bundle_used_, length);
    AGRI_TRY(Fill(file, fd, 0, plain));
    file.ranges[0].crc32c = codec::Crc32c(0, plain);
    shared_.context.progress.bytes_done += length;
    if (base::IsAllZero(plain)) {
        file.ranges[0].extents.push_back({length, std::nullopt, 0});
        shared_.counters.zero_bytes += length;
        shared_.window.RangeDone(file);
        return {};
    }
    bundled_.push_back({task.file, bundle_used_, length});
    bundle_used_ += length;
    return {};
}

Status CopyWorker::FlushBundle() {
    if (bundled_.empty()) return {};
    std::vector<repo::ChunkUse> uses;
    uses.reserve(bundled_.size());
    for (const BundledFile& part : bundled_)
        uses.push_back(
            {part.file->entry.root(), part.file->entry.path(), 0, part.offset, part.length});
    AGRI_ASSIGN(repo::StoredChunk chunk,
                packs_.Append(ByteView(bundle_.data(), bundle_used_), std::move(uses)));
    for (BundledFile& part : bundled_) {
        part.file->ranges[0].extents.push_back({part.length, chunk, part.offset});
        shared_.window.RangeDone(*part.file);
    }
    bundled_.clear();
    bundle_used_ = 0;
    CountStored();
    return {};
}

void CopyWorker::CountStored() {
    const uint64_t stored = packs_.stored_bytes();
    shared_.context.progress.stored_bytes += stored - counted_stored_;
    counted_stored_ = stored;
}

}  // namespace agri::engine

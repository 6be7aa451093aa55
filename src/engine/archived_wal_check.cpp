// Content is compared as streams: a segment may have 1 GiB.
#include "engine/archived_wal_check.hpp"

#include <fcntl.h>

#include <algorithm>

#include "base/file.hpp"
#include "codec/digest.hpp"
#include "engine/wal_index_facts.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr size_t kStepBytes = 1u << 20;

struct LocalFile {
    base::Fd fd;
    std::string path;
};

Result<std::optional<LocalFile>> OpenIfPresent(std::string path) {
    auto fd = base::OpenFile(path, O_RDONLY);
    if (fd) return LocalFile{std::move(*fd), std::move(path)};
    if (fd.error().code == ErrorCode::kNotFound) return std::nullopt;
    return std::move(fd).error();
}

Result<bool> HasDigest(const LocalFile& file, const repo::format::WalIndex& index) {
    codec::Sha256Stream digest;
    base::Bytes buffer(kStepBytes);
    uint64_t length = 0;
    while (true) {
        AGRI_ASSIGN(const size_t count, base::ReadAt(file.fd.get(), length, buffer, file.path));
        digest.Update(base::ByteView(buffer).first(count));
        length += count;
        if (count < buffer.size()) break;
    }
    return length == index.plain_length() && base::AsText(digest.Finish()) == index.sha256();
}

Result<bool> BeginsAsArchived(const LocalFile& file, uint64_t length,
                              const repo::WalArchive& archive, const base::WalFileName& name) {
    bool is_same = true;
    uint64_t at = 0;
    base::Bytes ours;
    auto read = archive.Read(name, [&](base::ByteView part) -> Status {
        const uint64_t left = length - std::min(length, at);
        const base::ByteView theirs = part.first(std::min<uint64_t>(part.size(), left));
        ours.resize(theirs.size());
        AGRI_ASSIGN(const size_t count, base::ReadAt(file.fd.get(), at, ours, file.path));
        is_same = is_same && count == theirs.size() &&
                  std::equal(theirs.begin(), theirs.end(), ours.begin());
        at += part.size();
        return {};
    });
    if (!read) return std::move(read).error();
    return is_same;
}

// The server gives a file that it no longer needs the name of a coming segment and overwrites it.
Result<bool> HasItsNameStill(const LocalFile& file) {
    struct stat opened {
    }, named{};
    if (fstat(file.fd.get(), &opened) != 0)
        return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", file.path));
    if (stat(file.path.c_str(), &named) == 0)
        return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    if (errno == ENOENT) return false;
    return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", file.path));
}

class SegmentCheck {
   public:
    SegmentCheck(const OwnWal& own, base::SegmentId segment)
        : own_(own),
          size_(own.incarnation.info().wal_segment_size()),
          end_(segment.End(size_)),
          needed_(std::min(end_, own.stop).value - segment.Start(size_).value),
          name_(*base::WalFileName::Parse(segment.FileName(size_))),
          archive_(own.incarnation) {}

    Status Run() const {
        AGRI_ASSIGN(const repo::format::WalIndex index, archive_.ReadIndex(name_));
        if (!IsReadableUpTo(index, std::min(end_, own_.stop))) return Unreadable(index);
        while (true) {
            AGRI_ASSIGN(const auto file,
                        OpenIfPresent(own_.data_directory + "/pg_wal/" + name_.name));
            if (!file) return {};
            AGRI_ASSIGN(const bool is_same, IsSame(*file, index));
            if (is_same) return {};
            AGRI_ASSIGN(const bool is_still_it, HasItsNameStill(*file));
            if (is_still_it)
                return repo::DifferentContent(
                    index, fmt::format("It is not what \"{}\" holds.", file->path));
        }
    }

   private:
    Result<bool> IsSame(const LocalFile& file, const repo::format::WalIndex& index) const {
        if (needed_ == size_) return HasDigest(file, index);
        return BeginsAsArchived(file, needed_, archive_, name_);
    }

    base::Error Unreadable(const repo::format::WalIndex& index) const {
        return MakeError(ErrorCode::kCorrupt,
                         "the records of WAL segment \"{}\" cannot be read up to the backup's end",
                         name_.name)
            .WithDetail(fmt::format("It was archived as it was, and is {}. Recovery would stop "
                                    "there.",
                                    index.scan_problem()))
            .WithHint("Check the disk that pg_wal is on, and take the backup again.");
    }

    const OwnWal& own_;
    const uint64_t size_;
    const base::Lsn end_;
    const uint64_t needed_;  // bytes of the segment
    const base::WalFileName name_;
    const repo::WalArchive archive_;
};

}  // namespace

Status CheckArchivedSegment(const OwnWal& own, base::SegmentId segment) {
    return SegmentCheck(own, segment).Run();
}

}  // namespace agri::engine

#include "engine/wal_spool.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "wal/page.hpp"

namespace agri::engine {

using base::Result;
using base::Status;

namespace {

constexpr std::string_view kUnfinishedSuffix = ".agri_backup_tmp";

// A missing folder at the destination must not be taken for a file missing from the archive.
base::Error LocalError(base::Error error) {
    if (error.code == base::ErrorCode::kNotFound) error.code = base::ErrorCode::kIo;
    return error;
}

// Removes the file unless it was renamed.
class UnfinishedFile {
   public:
    explicit UnfinishedFile(std::string path) : path_(std::move(path)) {}
    UnfinishedFile(const UnfinishedFile&) = delete;
    UnfinishedFile& operator=(const UnfinishedFile&) = delete;
    ~UnfinishedFile() {
        if (!path_.empty()) unlink(path_.c_str());
    }
    const std::string& path() const { return path_; }
    Status RenameTo(const std::string& destination) {
        if (rename(path_.c_str(), destination.c_str()) != 0)
            return LocalError(base::ErrnoError(
                errno, fmt::format("could not rename file \"{}\" to \"{}\"", path_, destination)));
        path_.clear();
        return {};
    }

   private:
    std::string path_;
};

// What tells one boot of one machine, and one repository, from another. Files of the spool are not
// synced: after a crash of the machine they may be anything.
Result<std::string> SpoolTag(const repo::Incarnation& incarnation) {
    AGRI_ASSIGN(const base::Bytes boot,
                base::ReadWholeFile("/proc/sys/kernel/random/boot_id", 4096));
    std::string boot_id(base::AsText(boot));
    while (!boot_id.empty() && boot_id.back() == '\n') boot_id.pop_back();
    const auto& id = incarnation.repository().repository_id();
    return fmt::format("{}-{}", base::ToHex({id.data(), 8}), boot_id);
}

// Opened with the first byte: a file that the archive does not have leaves no trace.
Status OpenOnce(const std::string& path, base::Fd& fd) {
    if (fd) return {};
    auto opened = base::OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (!opened) return LocalError(std::move(opened).error());
    fd = std::move(*opened);
    return {};
}

bool CopyFile(const std::string& from, const std::string& to) {
    UnfinishedFile unfinished(to + std::string(kUnfinishedSuffix));
    std::error_code error;
    std::filesystem::copy_file(from, unfinished.path(),
                               std::filesystem::copy_options::overwrite_existing, error);
    return !error && unfinished.RenameTo(to).has_value();
}

}  // namespace

Status FetchToFile(const repo::WalArchive& archive, const base::WalFileName& file,
                   const std::string& destination) {
    UnfinishedFile unfinished(destination + std::string(kUnfinishedSuffix));
    base::Fd fd;
    AGRI_TRY(archive.Read(file, [&](base::ByteView part) -> Status {
        AGRI_TRY(OpenOnce(unfinished.path(), fd));
        return base::WriteAll(fd.get(), part, unfinished.path());
    }));
    AGRI_TRY(OpenOnce(unfinished.path(), fd));
    return unfinished.RenameTo(destination);
}

Status StoreFile(base::ByteView content, const std::string& destination) {
    UnfinishedFile unfinished(destination + std::string(kUnfinishedSuffix));
    base::Fd fd;
    AGRI_TRY(OpenOnce(unfinished.path(), fd));
    AGRI_TRY(base::WriteAll(fd.get(), content, unfinished.path()));
    return unfinished.RenameTo(destination);
}

std::optional<WalSpool> WalSpool::Open(const std::string& folder,
                                       const repo::Incarnation& incarnation) {
    const auto tag = SpoolTag(incarnation);
    if (!tag) return std::nullopt;
    std::error_code error, not_removed;
    std::filesystem::create_directories(folder, error);
    std::filesystem::directory_iterator entries(folder, error), end;
    for (; !error && entries != end; entries.increment(error))
        if (entries->path().filename() != *tag)
            std::filesystem::remove_all(entries->path(), not_removed);
    const std::string own = folder + "/" + *tag;
    if (mkdir(own.c_str(), 0700) != 0 && errno != EEXIST) return std::nullopt;
    return WalSpool(own, incarnation.info().wal_segment_size(),
                    incarnation.info().system_identifier());
}

std::string WalSpool::PathOf(base::SegmentId segment) const {
    return folder_ + "/" + segment.FileName(segment_size_);
}

bool WalSpool::Has(base::SegmentId segment) const {
    return access(PathOf(segment).c_str(), F_OK) == 0;
}

bool WalSpool::IsUsable(base::SegmentId segment) const {
    const std::string path = PathOf(segment);
    auto fd = base::OpenFile(path, O_RDONLY | O_NOFOLLOW);
    if (!fd) return false;
    struct stat info {};
    if (fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode) ||
        static_cast<uint64_t>(info.st_size) != segment_size_)
        return false;
    std::array<std::byte, wal::kLongPageHeaderBytes> start{};
    auto read = base::ReadAt(fd->get(), 0, start, path);
    if (!read || *read != start.size()) return false;
    auto header = wal::ReadSegmentHeader(start);
    return header &&
           wal::CheckSegmentIdentity(*header, {system_identifier_, segment, segment_size_})
               .has_value();
}

bool WalSpool::Take(base::SegmentId segment, const std::string& destination) const {
    const std::string path = PathOf(segment);
    if (!IsUsable(segment)) {
        unlink(path.c_str());
        return false;
    }
    if (rename(path.c_str(), destination.c_str()) == 0) return true;
    const bool copied = errno == EXDEV && CopyFile(path, destination);
    unlink(path.c_str());
    return copied;
}

void WalSpool::Trim(base::SegmentId current, uint32_t keep) const {
    std::error_code error;
    std::filesystem::directory_iterator entries(folder_, error), end;
    for (; !error && entries != end; entries.increment(error)) {
        const std::string name = entries->path().filename();
        // Unfinished files belong to whoever is filling the folder; they are cut anew by the next.
        if (name.ends_with(kUnfinishedSuffix)) continue;
        auto segment = base::SegmentId::Parse(name, segment_size_);
        const bool wanted = segment && segment->timeline == current.timeline &&
                            segment->number > current.number &&
                            segment->number <= current.number + keep;
        if (!wanted) unlink(entries->path().c_str());
    }
}

void WalSpool::Clear() const {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
}

std::optional<base::Fd> WalSpool::TryLock() const {
    auto fd = base::OpenFile(folder_, O_RDONLY | O_DIRECTORY);
    if (!fd || flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
    return std::move(*fd);
}

bool WalSpool::HasRoomFor(uint32_t segments) const {
    struct statvfs space {};
    if (statvfs(folder_.c_str(), &space) != 0) return false;
    return static_cast<uint64_t>(space.f_bavail) * space.f_frsize > 2 * segments * segment_size_;
}

}  // namespace agri::engine

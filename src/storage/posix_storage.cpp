// The storage contract over PosixRoot; small steps, each saying what ENOENT means where it stands.
#include "storage/posix_storage.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/random.hpp"
#include "storage/keys.hpp"
#include "storage/posix_listing.hpp"
#include "storage/posix_reader.hpp"
#include "storage/posix_writer.hpp"

namespace agri::storage {

using base::ErrorCode;
using base::Fd;
using base::MakeError;
using base::Result;
using base::Status;

Result<std::unique_ptr<Storage>> PosixStorage::Open(std::string path, PosixCalls calls) {
    AGRI_ASSIGN(auto root, PosixRoot::Open(std::move(path), std::move(calls)));
    return std::unique_ptr<Storage>(new PosixStorage(std::move(root)));
}

PosixStorage::PosixStorage(std::shared_ptr<const PosixRoot> root)
    : root_(std::move(root)), self_(ThisProcess()) {}

Result<std::unique_ptr<ObjectWriter>> PosixStorage::Create(std::string_view key) {
    AGRI_TRY(CheckKey(key));
    AGRI_TRY(root_->CheckPresent());
    AGRI_ASSIGN(auto chain, root_->OpenChain(kTemporaryFolder, MissingFolders::kCreate));
    if (!chain)
        return MakeError(ErrorCode::kUnavailable, "folder \"{}\" keeps being removed",
                         root_->PathOf(kTemporaryFolder));
    AGRI_ASSIGN(Temporary temporary, CreateTemporary(root_->FolderFd(*chain)));
    return std::unique_ptr<ObjectWriter>(
        new PosixWriter(root_, std::string(key), std::move(chain->back()),
                        std::move(temporary.name), std::move(temporary.file)));
}

Result<PosixStorage::Temporary> PosixStorage::CreateTemporary(int folder_fd) {
    // Random rather than counted: a name is never used twice, not even by another storage object of
    // this process, so that whoever unlinks one cannot meet somebody else's file.
    std::array<std::byte, 8> unique;
    std::string name;
    Fd file;
    do {
        base::SystemRandom().Fill(unique);
        name = self_.FileName(base::LoadLe<uint64_t>(unique.data()));
        file = root_->OpenIn(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    } while (!file && errno == EEXIST);
    if (!file || !root_->GiveToOwner(file.get()))
        return root_->Explain(errno, "create", fmt::format("{}/{}", kTemporaryFolder, name));
    return Temporary{std::move(name), std::move(file)};
}

// nullopt when there is certainly no such object.
Result<std::optional<PosixStorage::Found>> PosixStorage::Find(std::string_view key) const {
    AGRI_TRY(CheckKey(key));
    auto [folder, name] = SplitKey(key);
    AGRI_ASSIGN(auto chain, root_->OpenChain(folder, MissingFolders::kReport));
    if (!chain) return std::optional<Found>();
    // O_NONBLOCK, or a named pipe that somebody put here would hang us.
    Fd file = root_->OpenIn(root_->FolderFd(*chain), name, O_RDONLY | O_NONBLOCK);
    if (!file && errno == ENOENT) {
        AGRI_TRY(root_->CheckPresent());
        return std::optional<Found>();
    }
    struct stat info;
    if (!file || root_->calls().fstat(file.get(), &info) != 0)
        return root_->Explain(errno, "open", key);
    if (S_ISDIR(info.st_mode)) return std::optional<Found>();
    if (!S_ISREG(info.st_mode)) return root_->ForeignFile(info.st_mode, key);
    return Found{std::move(*chain), std::move(file), static_cast<uint64_t>(info.st_size)};
}

Result<std::unique_ptr<ObjectReader>> PosixStorage::Open(std::string_view key) {
    AGRI_ASSIGN(auto found, Find(key));
    if (!found)
        return MakeError(ErrorCode::kNotFound, "object \"{}\" does not exist", root_->PathOf(key));
    return std::unique_ptr<ObjectReader>(
        new PosixReader(root_, std::string(key), std::move(found->file), found->size_bytes));
}

Result<std::optional<uint64_t>> PosixStorage::Stat(std::string_view key) {
    AGRI_ASSIGN(auto found, Find(key));
    if (!found) return std::optional<uint64_t>();
    return std::optional(found->size_bytes);
}

Status PosixStorage::List(std::string_view prefix,
                          const std::function<Status(const ObjectInfo&)>& visit) {
    AGRI_TRY(CheckPrefix(prefix));
    return ListObjects(*root_, prefix, visit);
}

Result<std::vector<std::string>> PosixStorage::Children(std::string_view prefix) {
    AGRI_TRY(CheckPrefix(prefix));
    std::string_view folder = prefix.empty() ? prefix : prefix.substr(0, prefix.size() - 1);
    AGRI_ASSIGN(auto chain, root_->OpenChain(folder, MissingFolders::kReport));
    std::vector<std::string> names;
    if (!chain) return names;
    AGRI_ASSIGN(names, ReadFolder(*root_, root_->FolderFd(*chain), prefix));
    AGRI_TRY(root_->CheckPresent());
    for (std::string& name : names)
        if (name.back() == '/') name.pop_back();
    std::sort(names.begin(), names.end());
    return names;
}

Status PosixStorage::Remove(std::string_view key) {
    AGRI_TRY(CheckKey(key));
    auto [folder, name] = SplitKey(key);
    AGRI_ASSIGN(auto chain, root_->OpenChain(folder, MissingFolders::kReport));
    if (!chain) return {};
    int folder_fd = root_->FolderFd(*chain);
    struct stat info;
    if (root_->calls().fstatat(folder_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(info.st_mode)) return {};
        if (!S_ISREG(info.st_mode)) return root_->ForeignFile(info.st_mode, key);
        if (root_->calls().unlinkat(folder_fd, name.c_str(), 0) != 0 && errno != ENOENT)
            return root_->Explain(errno, "remove", key);
    } else if (errno != ENOENT) {
        return root_->Explain(errno, "examine", key);
    }
    // Also when it was gone: whoever removed it may have died before its own fsync.
    AGRI_TRY(root_->SyncChain(*chain, folder));
    root_->PruneFolders(*chain, folder);
    return root_->CheckPresent();
}

Status PosixStorage::EnsureDurable(std::string_view key) {
    AGRI_ASSIGN(auto found, Find(key));
    if (!found)
        return MakeError(ErrorCode::kNotFound, "object \"{}\" does not exist", root_->PathOf(key));
    if (root_->calls().fsync(found->file.get()) != 0) return root_->Explain(errno, "fsync", key);
    AGRI_TRY(root_->SyncChain(found->chain, SplitKey(key).first));
    return root_->CheckPresent();
}

Result<std::optional<SpaceInfo>> PosixStorage::Space() {
    AGRI_TRY(root_->CheckPresent());
    struct statvfs info;
    if (root_->calls().fstatvfs(root_->fd(), &info) != 0)
        return root_->Explain(errno, "examine the file system of", "");
    // f_bavail: what an ordinary user may fill.
    return std::optional(SpaceInfo{info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize});
}

Result<uint64_t> PosixStorage::RemoveLitter() {
    AGRI_ASSIGN(auto chain, root_->OpenChain(kTemporaryFolder, MissingFolders::kReport));
    if (!chain) return uint64_t{0};
    return RemoveLitterIn(root_->FolderFd(*chain));
}

Result<uint64_t> PosixStorage::RemoveLitterIn(int folder_fd) {
    AGRI_ASSIGN(std::vector<std::string> names, ReadNames(*root_, folder_fd, kTemporaryFolder));
    uint64_t removed = 0;
    if (names.empty()) return removed;
    AGRI_ASSIGN(std::chrono::seconds now, FileSystemTime(folder_fd));
    for (const std::string& name : names) {
        std::string key = fmt::format("{}/{}", kTemporaryFolder, name);
        struct stat info;
        if (root_->calls().fstatat(folder_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue;
            return root_->Explain(errno, "examine", key);
        }
        std::chrono::seconds idle = now - std::chrono::seconds(info.st_mtim.tv_sec);
        if (!IsLitter(WriterIdentity::Parse(name), self_, idle, IsProcessGone)) continue;
        if (root_->calls().unlinkat(folder_fd, name.c_str(), 0) == 0)
            removed++;
        else if (errno != ENOENT)
            return root_->Explain(errno, "remove", key);
    }
    return removed;
}

// The time stamps compared with this one come from the same clock, which over NFS is the server's.
Result<std::chrono::seconds> PosixStorage::FileSystemTime(int folder_fd) {
    AGRI_ASSIGN(Temporary probe, CreateTemporary(folder_fd));
    struct stat info;
    int result = root_->calls().fstat(probe.file.get(), &info);
    int error_number = errno;
    (void)root_->calls().unlinkat(folder_fd, probe.name.c_str(), 0);
    if (result != 0) return root_->Explain(error_number, "examine", kTemporaryFolder);
    return std::chrono::seconds(info.st_mtim.tv_sec);
}

std::string PosixStorage::Describe() const { return "file://" + root_->path(); }

}  // namespace agri::storage

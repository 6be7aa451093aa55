// The order of calls in here is the durability of everything above: content first, then the name,
// then the folders, then the answer.
#include "storage/posix_writer.hpp"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>

namespace agri::storage {

using base::ErrorCode;
using base::Fd;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

// Each round loses to somebody who removes the empty folder that was just made: a handful is
// plenty.
constexpr int kPublishRounds = 20;

}  // namespace

PosixWriter::PosixWriter(std::shared_ptr<const PosixRoot> root, std::string key,
                         Fd temporary_folder, std::string name, Fd file)
    : root_(std::move(root)),
      key_(std::move(key)),
      temporary_folder_(std::move(temporary_folder)),
      temporary_name_(std::move(name)),
      file_(std::move(file)) {}

PosixWriter::~PosixWriter() { Discard(); }

Status PosixWriter::Append(base::ByteView data) {
    if (!state_) return state_;
    if (!file_) return MakeError(ErrorCode::kInternal, "write to the finished object \"{}\"", key_);
    state_ = Write(data);
    return state_;
}

Status PosixWriter::Write(base::ByteView data) {
    while (!data.empty()) {
        ssize_t written = root_->calls().write(file_.get(), data.data(), data.size());
        if (written < 0) return Fail(errno, "write");
        // Nothing written and no reason given: as PostgreSQL does, taken for a full disk.
        if (written == 0) return Fail(ENOSPC, "write");
        data = data.subspan(static_cast<size_t>(written));
    }
    return {};
}

Result<PutOutcome> PosixWriter::Commit() {
    if (!state_) return state_.error();
    if (!file_) return MakeError(ErrorCode::kInternal, "object \"{}\" is already finished", key_);
    Result<PutOutcome> outcome = Finish();
    if (!outcome) state_ = outcome.error();
    Discard();
    return outcome;
}

Result<PutOutcome> PosixWriter::Finish() {
    AGRI_TRY(SyncContent());
    auto [folder, name] = SplitKey(key_);
    for (int round = 0; round < kPublishRounds; round++) {
        AGRI_ASSIGN(auto chain, root_->OpenChain(folder, MissingFolders::kCreate));
        if (!chain) continue;
        Result<Step> step = Publish(root_->FolderFd(*chain), name);
        if (!step) {
            root_->PruneFolders(*chain, folder);
            return std::move(step).error();
        }
        if (*step == Step::kAgain) continue;
        if (*step == Step::kExists) return PutOutcome::kExists;
        // Should this fail, the name stays: somebody may have found the object and synced it, and
        // rest on it by now. A retry finds it by kExists and syncs it with EnsureDurable().
        AGRI_TRY(root_->SyncChain(*chain, folder));
        AGRI_TRY(root_->CheckPresent());
        return PutOutcome::kCreated;
    }
    return MakeError(ErrorCode::kUnavailable, "folder of \"{}\" keeps being removed",
                     root_->PathOf(key_));
}

Status PosixWriter::SyncContent() {
    if (root_->calls().fsync(file_.get()) != 0) return Fail(errno, "fsync");
    // A backup is larger than memory and not read soon: it must not push out the database's pages.
    (void)posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
    return {};
}

// link() comes first because no filesystem gets it wrong: it never replaces. Where there are no
// hard links, renameat2() does the same; a filesystem that has neither refuses both.
Result<PosixWriter::Step> PosixWriter::Publish(int folder_fd, const std::string& name) {
    const PosixCalls& calls = root_->calls();
    if (calls.linkat(temporary_folder_.get(), temporary_name_.c_str(), folder_fd, name.c_str(),
                     0) == 0)
        return Step::kLinked;
    int error_number = errno;
    if (error_number == EPERM || error_number == EOPNOTSUPP || error_number == ENOSYS ||
        error_number == EMLINK) {
        if (calls.renameat2(temporary_folder_.get(), temporary_name_.c_str(), folder_fd,
                            name.c_str(), RENAME_NOREPLACE) == 0)
            return Step::kLinked;
        error_number = errno;
        if (error_number == EINVAL || error_number == ENOSYS || error_number == EOPNOTSUPP)
            return MakeError(ErrorCode::kUnsupported,
                             "file system of \"{}\" has neither hard links nor exclusive renames",
                             root_->path())
                .WithHint("Keep the repository on a local file system, NFS or object storage.");
    }
    return JudgeFailure(error_number, folder_fd, name);
}

// Over NFS a reply may be lost and the request repeated: the call then reports EEXIST (or a
// time-out) though it succeeded the first time; see open(2) on O_EXCL. So the name's inode is what
// decides.
Result<PosixWriter::Step> PosixWriter::JudgeFailure(int error_number, int folder_fd,
                                                    const std::string& name) {
    struct stat target;
    if (root_->calls().fstatat(folder_fd, name.c_str(), &target, AT_SYMLINK_NOFOLLOW) == 0) {
        AGRI_ASSIGN(bool ours, IsOurs(target));
        if (ours) return Step::kLinked;
        if (error_number != EEXIST) return Fail(error_number, "publish");
        if (S_ISREG(target.st_mode)) return Step::kExists;
        if (!S_ISDIR(target.st_mode)) return root_->ForeignFile(target.st_mode, key_);
        return MakeError(ErrorCode::kConflict,
                         "\"{}\" is a folder where an object is to be written",
                         root_->PathOf(key_));
    }
    if (errno != ENOENT) return Fail(errno, "examine");
    // EEXIST: removed in between. ENOENT: its folder was empty and was removed, or our file was.
    if (error_number != EEXIST && error_number != ENOENT) return Fail(error_number, "publish");
    struct stat own;
    if (root_->calls().fstat(file_.get(), &own) != 0) return Fail(errno, "examine");
    if (own.st_nlink > 0) return Step::kAgain;
    AGRI_TRY(root_->CheckPresent());
    return MakeError(ErrorCode::kIo, "temporary file \"{}/{}/{}\" was removed by somebody else",
                     root_->path(), kTemporaryFolder, temporary_name_);
}

Result<bool> PosixWriter::IsOurs(const struct stat& target) const {
    struct stat own;
    if (root_->calls().fstat(file_.get(), &own) != 0) return Fail(errno, "examine");
    return own.st_dev == target.st_dev && own.st_ino == target.st_ino;
}

base::Error PosixWriter::Fail(int error_number, std::string_view verb) const {
    if (error_number != EXDEV) return root_->Explain(error_number, verb, key_);
    return MakeError(ErrorCode::kConfiguration, "\"{}\" lies on another file system than \"{}\"",
                     root_->PathOf(key_), root_->path())
        .WithHint("Keep the whole repository on one file system.");
}

// What cannot be unlinked here is litter; RemoveLitter() takes it once this process is gone.
void PosixWriter::Discard() {
    if (!file_) return;
    file_.Reset();
    (void)root_->calls().unlinkat(temporary_folder_.get(), temporary_name_.c_str(), 0);
}

}  // namespace agri::storage

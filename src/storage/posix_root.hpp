// The repository's root folder, and the one way from it to a folder below: component by component,
// each opened relative to the one above with O_NOFOLLOW. So no symbolic link inside the repository
// is ever followed, and a key cannot lead outside. (openat2 would save a few calls where the kernel
// and the container's filter allow it; one path that works everywhere was preferred.) Also owns the
// rule that a vanished root is an error and never looks like an empty repository.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "storage/durable_folders.hpp"
#include "storage/posix_calls.hpp"

namespace agri::storage {

enum class MissingFolders { kReport, kCreate };

// Descriptors of every folder from just below the root down to the one asked for; empty for the
// root.
using FolderChain = std::vector<base::Fd>;

// Thread-safe.
class PosixRoot {
   public:
    // Opens an existing folder; the root itself, and what leads to it, may be a symbolic link.
    // kNotInitialized when it is missing or no folder.
    static base::Result<std::shared_ptr<const PosixRoot>> Open(std::string path, PosixCalls calls);

    const std::string& path() const { return path_; }
    // Never interrupted by a signal.
    const PosixCalls& calls() const { return calls_; }
    int fd() const { return fd_.get(); }
    int FolderFd(const FolderChain& chain) const {
        return chain.empty() ? fd_.get() : chain.back().get();
    }

    // kNotInitialized once the folder is deleted, or its path leads elsewhere (unmounted, or
    // another filesystem mounted over it): whoever wants to go on opens the storage anew.
    base::Status CheckPresent() const;

    // The folders leading to `folder` ("a/b", or empty for the root). nullopt when one certainly
    // does not exist, or (kCreate) when somebody removes empty folders at this moment: ask again.
    // What could not be made whole is removed: an empty folder must not tell of an object.
    base::Result<std::optional<FolderChain>> OpenChain(std::string_view folder,
                                                       MissingFolders missing) const;
    // Makes the folder's entries durable, and the folder itself: fsync of the folder, and of those
    // above up to the root or to one that is known to be durable.
    base::Status SyncChain(const FolderChain& chain, std::string_view folder) const;

    // Removes the folders of the chain that are empty now, from the innermost up. A writer that
    // loses its folder this way makes it again (PosixWriter::Finish). A folder that comes back with
    // a power loss does no harm, so nothing is synced.
    void PruneFolders(const FolderChain& chain, std::string_view folder) const;

    // Opens one name in an open folder. ENOENT and the other errno values are the caller's to
    // judge.
    base::Fd OpenIn(int folder_fd, const std::string& name, int flags, mode_t mode = 0600) const;
    // What the superuser makes becomes the root folder's owner's, as whom the server runs: else it
    // could not enter or read it. False with errno.
    bool GiveToOwner(int fd) const;

    // What the failed call means: 'could not VERB "/root/key": reason', with a hint where one
    // helps.
    base::Error Explain(int error_number, std::string_view verb, std::string_view key) const;
    // The refusal of anything that is neither a plain file nor a folder.
    base::Error ForeignFile(mode_t mode, std::string_view key) const;
    std::string PathOf(std::string_view key) const;

   private:
    PosixRoot(std::string path, PosixCalls calls, base::Fd fd, const struct stat& info);
    base::Result<std::optional<base::Fd>> OpenComponent(int parent_fd, const std::string& name,
                                                        std::string_view so_far,
                                                        MissingFolders missing) const;
    base::Result<std::optional<base::Fd>> JudgeComponent(int error_number, int parent_fd,
                                                         const std::string& name,
                                                         std::string_view so_far,
                                                         MissingFolders missing) const;
    base::Status SyncFolder(int fd, std::string_view folder) const;

    const std::string path_;
    const PosixCalls calls_;
    const base::Fd fd_;
    const dev_t device_;
    const ino_t inode_;
    const uid_t owner_;
    const gid_t group_;
    mutable DurableFolders durable_folders_;
};

// "a/b/c" → "a/b" and "c"; no slash → "" and all.
std::pair<std::string_view, std::string> SplitKey(std::string_view key);

}  // namespace agri::storage

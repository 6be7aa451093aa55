// Writes one object into a folder tree: a temporary file, fsync, a publication that can never
// replace anything, fsync of the folders. Owns the rule that a key shows either a whole, synced
// object or nothing, whichever call fails and wherever the power goes.
#pragma once

#include <memory>
#include <string>

#include "storage/posix_root.hpp"
#include "storage/storage.hpp"

namespace agri::storage {

// Where unfinished writes live, at the root: on the objects' own filesystem, so that they can be
// linked into place. No part of a key begins with a dot, so what is in here can never be listed.
inline constexpr char kTemporaryFolder[] = ".tmp";

// Once an Append or Commit failed, every further one returns that first error: after a failed write
// or fsync nobody knows what the file holds, so the caller writes the object anew from the source.
class PosixWriter final : public ObjectWriter {
   public:
    // `file` is the open temporary file `name` in the folder `temporary_folder`.
    PosixWriter(std::shared_ptr<const PosixRoot> root, std::string key, base::Fd temporary_folder,
                std::string name, base::Fd file);
    ~PosixWriter() override;
    base::Status Append(base::ByteView data) override;
    base::Result<PutOutcome> Commit() override;

   private:
    base::Status Write(base::ByteView data);
    base::Result<PutOutcome> Finish();
    base::Status SyncContent();
    enum class Step { kLinked, kExists, kAgain };
    base::Result<Step> Publish(int folder_fd, const std::string& name);
    base::Result<Step> JudgeFailure(int error_number, int folder_fd, const std::string& name);
    base::Result<bool> IsOurs(const struct stat& target) const;
    base::Error Fail(int error_number, std::string_view verb) const;
    void Discard();

    const std::shared_ptr<const PosixRoot> root_;
    const std::string key_;
    base::Fd temporary_folder_;
    const std::string temporary_name_;
    base::Fd file_;
    base::Status state_;
};

}  // namespace agri::storage

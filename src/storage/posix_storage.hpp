// Objects as files below one folder of a local or network filesystem. What makes a write durable is
// in posix_writer, how a folder is reached in posix_root; here they meet the storage contract.
//
// Files are made with mode 0600 and folders with 0700 (less the umask), and belong to the owner of
// the root folder also when the superuser makes them. Folders that a removal
// leaves empty are removed too; an empty one may remain where a writer died between making it and
// filling it.
#pragma once

#include <memory>
#include <string>

#include "storage/posix_calls.hpp"
#include "storage/posix_litter.hpp"
#include "storage/posix_root.hpp"
#include "storage/storage.hpp"

namespace agri::storage {

class PosixStorage final : public Storage {
   public:
    // `path` is absolute and must exist: kNotInitialized otherwise. Creates nothing.
    static base::Result<std::unique_ptr<Storage>> Open(std::string path,
                                                       PosixCalls calls = RealPosixCalls());

    explicit PosixStorage(std::shared_ptr<const PosixRoot> root);
    base::Result<std::unique_ptr<ObjectWriter>> Create(std::string_view key) override;
    base::Result<std::unique_ptr<ObjectReader>> Open(std::string_view key) override;
    base::Result<std::optional<uint64_t>> Stat(std::string_view key) override;
    base::Status List(std::string_view prefix,
                      const std::function<base::Status(const ObjectInfo&)>& visit) override;
    base::Result<std::vector<std::string>> Children(std::string_view prefix) override;
    base::Status Remove(std::string_view key) override;
    base::Status EnsureDurable(std::string_view key) override;
    base::Result<std::optional<SpaceInfo>> Space() override;
    base::Result<uint64_t> RemoveLitter() override;
    std::string Describe() const override;

   private:
    struct Found {
        FolderChain chain;
        base::Fd file;
        uint64_t size_bytes;
    };
    base::Result<std::optional<Found>> Find(std::string_view key) const;
    struct Temporary {
        std::string name;
        base::Fd file;
    };
    base::Result<Temporary> CreateTemporary(int folder_fd);
    base::Result<uint64_t> RemoveLitterIn(int folder_fd);
    base::Result<std::chrono::seconds> FileSystemTime(int folder_fd);

    const std::shared_ptr<const PosixRoot> root_;
    const WriterIdentity self_;
};

}  // namespace agri::storage

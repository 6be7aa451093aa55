// Reads one object through its open descriptor: it stays readable though the object be removed
// meanwhile (over NFS that may end in ESTALE, which is kUnavailable). Reads are positional, so
// threads share it without a lock.
#pragma once

#include <memory>
#include <string>

#include "storage/posix_root.hpp"
#include "storage/storage.hpp"

namespace agri::storage {

class PosixReader final : public ObjectReader {
   public:
    PosixReader(std::shared_ptr<const PosixRoot> root, std::string key, base::Fd file,
                uint64_t size_bytes);
    uint64_t size_bytes() const override { return size_bytes_; }
    base::Status Read(uint64_t offset, base::MutableBytes out) const override;

   private:
    base::Error EndsEarly(uint64_t offset, size_t bytes) const;

    const std::shared_ptr<const PosixRoot> root_;
    const std::string key_;
    const base::Fd file_;
    const uint64_t size_bytes_;
};

}  // namespace agri::storage

// pread until the range is whole; a file cut after it was opened shows as an early end.
#include "storage/posix_reader.hpp"

namespace agri::storage {

PosixReader::PosixReader(std::shared_ptr<const PosixRoot> root, std::string key, base::Fd file,
                         uint64_t size_bytes)
    : root_(std::move(root)),
      key_(std::move(key)),
      file_(std::move(file)),
      size_bytes_(size_bytes) {}

base::Status PosixReader::Read(uint64_t offset, base::MutableBytes out) const {
    if (offset > size_bytes_ || out.size() > size_bytes_ - offset)
        return EndsEarly(offset, out.size());
    while (!out.empty()) {
        ssize_t bytes =
            root_->calls().pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
        if (bytes < 0) return root_->Explain(errno, "read", key_);
        if (bytes == 0) return EndsEarly(offset, out.size());
        offset += static_cast<uint64_t>(bytes);
        out = out.subspan(static_cast<size_t>(bytes));
    }
    return {};
}

base::Error PosixReader::EndsEarly(uint64_t offset, size_t bytes) const {
    return base::MakeError(base::ErrorCode::kCorrupt, "object \"{}\" ends early",
                           root_->PathOf(key_))
        .WithDetail(fmt::format("{} bytes were expected at offset {}; it was opened with {} bytes.",
                                bytes, offset, size_bytes_));
}

}  // namespace agri::storage

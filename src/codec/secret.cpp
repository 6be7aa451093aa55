// A key's memory is pages of its own: mlock and MADV_DONTDUMP work on whole pages, and a page that
// is shared with the heap would be unlocked along with its first neighbour that goes.
#include "codec/secret.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace agri::codec {

Secret::Secret(size_t size_bytes) : size_(size_bytes) {
    if (size_bytes == 0) return;
    void* pages =
        mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    // Best effort, both: RLIMIT_MEMLOCK may be spent, and a backup is worth more than no swap.
    (void)mlock(pages, size_bytes);
    (void)madvise(pages, size_bytes, MADV_DONTDUMP);
    data_ = static_cast<std::byte*>(pages);
}

Secret::Secret(base::ByteView copy_from) : Secret(copy_from.size()) {
    if (!copy_from.empty()) std::memcpy(data_, copy_from.data(), copy_from.size());
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    // The old key is gone on return, not when the source happens to be.
    Secret taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
}

Secret::~Secret() {
    if (data_ == nullptr) return;
    // explicit_bzero, because the compiler may drop a memset of memory that is about to go.
    explicit_bzero(data_, size_);
    munmap(data_, size_);
}

}  // namespace agri::codec

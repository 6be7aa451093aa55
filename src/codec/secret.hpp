// Memory for keys: locked against swap where the limit allows, kept out of core dumps, zeroed on
// release, never printed.
#pragma once

#include "base/bytes.hpp"

namespace agri::codec {

class Secret {
   public:
    Secret() = default;
    explicit Secret(size_t size_bytes);
    explicit Secret(base::ByteView copy_from);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    ~Secret();
    Secret Clone() const { return Secret(view()); }
    base::ByteView view() const { return {data_, size_}; }
    base::MutableBytes mutable_view() { return {data_, size_}; }
    bool empty() const { return size_ == 0; }

   private:
    std::byte* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace agri::codec

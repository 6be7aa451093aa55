// OpenSSL without memory: from each of its allocations on all fail, and what it then cannot do is
// said to lack memory, and nothing else.
#include "codec/openssl_memory.hpp"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <functional>

#include "codec/digest.hpp"
#include "codec/sealing.hpp"

namespace agri::codec {
namespace {

using base::Bytes;

// How many allocations still succeed; -1: all.
long left = -1;
bool was_denied = false;

bool Deny() {
    if (left < 0) return false;
    if (left == 0) return was_denied = true;
    --left;
    return false;
}
void* Allocate(size_t size, const char*, int) { return Deny() ? nullptr : std::malloc(size); }
void* Reallocate(void* memory, size_t size, const char*, int) {
    return Deny() ? nullptr : std::realloc(memory, size);
}
void Free(void* memory, const char*, int) { std::free(memory); }

// OpenSSL takes it before its first allocation only.
const bool is_installed = CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1;

// Returns how many allocations there were to deny.
int DenyEach(const std::function<void()>& work) {
    EXPECT_TRUE(is_installed);
    work();  // what is loaded once is loaded
    for (int allowed = 0; allowed < 1000; ++allowed) {
        was_denied = false;
        left = allowed;
        bool lacked = false;
        try {
            work();
        } catch (const std::bad_alloc&) {
            lacked = true;
        }
        left = -1;
        EXPECT_TRUE(was_denied || !lacked) << "after " << allowed;
        EXPECT_EQ(ERR_peek_error(), 0u) << "after " << allowed;
        if (!was_denied) return allowed;
    }
    return -1;
}

TEST(OpensslMemory, DerivedKey_IsRightOrLacksMemory) {
    const Bytes key(kKeyBytes, std::byte{1});
    const std::string right = base::ToHex(DeriveKey(key, key, key).view());
    EXPECT_GT(DenyEach([&] { EXPECT_EQ(base::ToHex(DeriveKey(key, key, key).view()), right); }), 0);
}

TEST(OpensslMemory, Digest_IsRightOrLacksMemory) {
    const Bytes data(100, std::byte{2});
    const Sha256Digest right = Sha256(data);
    EXPECT_GT(DenyEach([&] { EXPECT_EQ(Sha256(data), right); }), 0);
    EXPECT_GT(DenyEach([&] {
                  Sha256Stream stream;
                  stream.Update(data);
                  EXPECT_EQ(stream.Finish(), right);
              }),
              0);
}

TEST(OpensslMemory, Frame_IsSealedAndOpenedOrLacksMemory) {
    const ObjectKey key{SealingMethod::kAes256Gcm, Secret(Bytes(kKeyBytes, std::byte{3}))};
    const Bytes header(8, std::byte{4}), plain(1000, std::byte{5});
    EXPECT_GT(DenyEach([&] {
                  Bytes body = plain, tag(kTagBytes);
                  ASSERT_TRUE(FrameCipher().Seal(key, 7, header, body, tag));
                  ASSERT_TRUE(FrameCipher().Open(key, 7, header, body, tag));
                  EXPECT_EQ(body, plain);
              }),
              0);
}

}  // namespace
}  // namespace agri::codec

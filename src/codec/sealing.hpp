// Sealing of frames: AES-256-GCM under a key derived afresh for every write attempt, or an XXH3-128
// tag where the repository was created without encryption in so many words. What is authenticated,
// and why no nonce repeats, is described in docs/repository-format.md ("Sealing").
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "codec/secret.hpp"

struct evp_cipher_ctx_st;

namespace agri::codec {

inline constexpr size_t kTagBytes = 16;
inline constexpr size_t kKeyBytes = 32;

enum class SealingMethod : uint8_t { kNone = 0, kAes256Gcm = 1 };

// HKDF-SHA256 (RFC 5869): 32 bytes from the input key, salt and context.
Secret DeriveKey(base::ByteView input_key, base::ByteView salt, base::ByteView info);

// The key of one object: seals and opens its frames by index. For kNone the key is the 64-bit XXH3
// seed. Immutable and shareable between threads; contexts for the cipher come from FrameCipher.
class ObjectKey {
   public:
    ObjectKey(SealingMethod method, Secret key) : method_(method), key_(std::move(key)) {}
    SealingMethod method() const { return method_; }
    base::ByteView key() const { return key_.view(); }

   private:
    SealingMethod method_;
    Secret key_;
};

// Reusable cipher state; not thread-safe: one per thread. It may switch between object keys freely.
class FrameCipher {
   public:
    FrameCipher();
    ~FrameCipher();
    FrameCipher(FrameCipher&&) noexcept;
    FrameCipher& operator=(FrameCipher&&) noexcept;

    // Encrypts `body` in place and writes its tag. `frame_header` is authenticated as it stands.
    base::Status Seal(const ObjectKey& key, uint64_t frame_index, base::ByteView frame_header,
                      base::MutableBytes body, base::MutableBytes tag);
    // Checks the tag and decrypts `body` in place; kCorrupt when anything differs (body is then
    // meaningless and must not be used).
    base::Status Open(const ObjectKey& key, uint64_t frame_index, base::ByteView frame_header,
                      base::MutableBytes body, base::ByteView tag);

   private:
    evp_cipher_ctx_st* context_;
};

}  // namespace agri::codec

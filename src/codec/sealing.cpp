// AES-256-GCM and HKDF through OpenSSL's EVP. The nonce is the frame's index: it may be so plain
// because a key serves one write attempt only and numbers its frames once. What goes into the tag
// is fixed by docs/repository-format.md ("Sealing"); changing it here changes the format.
#include "codec/sealing.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <climits>
#include <stdexcept>
#include <utility>

#include "codec/digest.hpp"
#include "codec/openssl_memory.hpp"

namespace agri::codec {

using base::ByteView;
using base::Error;
using base::ErrorCode;
using base::MutableBytes;
using base::Status;

namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kSeedBytes = 8;

const unsigned char* Octets(ByteView bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Octets(MutableBytes bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// Fetched once and kept for good: EVP_aes_256_gcm() would look the provider up at every frame.
const EVP_CIPHER* Aes256Gcm() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    if (cipher == nullptr)
        throw std::runtime_error("OpenSSL has no AES-256-GCM, or no memory for it");
    return cipher;
}

struct KdfDeleter {
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

EVP_KDF* Hkdf() {
    static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr);
    if (kdf == nullptr) throw std::runtime_error("OpenSSL has no HKDF, or no memory for it");
    return kdf;
}

std::array<std::byte, 8> BigEndian(uint64_t value) {
    std::array<std::byte, 8> bytes;
    base::StoreLe(bytes.data(), __builtin_bswap64(value));
    return bytes;
}

// Four zero bytes, then the index as a big-endian number.
std::array<std::byte, kNonceBytes> NonceOf(uint64_t frame_index) {
    std::array<std::byte, kNonceBytes> nonce{};
    const auto index = BigEndian(frame_index);
    std::memcpy(nonce.data() + 4, index.data(), index.size());
    return nonce;
}

Error DoesNotAuthenticate() {
    return Error(ErrorCode::kCorrupt, "frame does not authenticate")
        .WithDetail("Its bytes were changed, moved or cut off, or belong to another key.");
}

Status CheckSizes(const ObjectKey& key, ByteView frame_header, ByteView body, ByteView tag) {
    const bool gcm = key.method() == SealingMethod::kAes256Gcm;
    if (gcm ? key.key().size() != kKeyBytes : key.key().size() < kSeedBytes)
        return Error(ErrorCode::kInternal, "object key has a wrong length");
    if (tag.size() != kTagBytes) return Error(ErrorCode::kInternal, "tag has a wrong length");
    // EVP counts in int; frames are bounded far below that.
    if (body.size() > INT_MAX || frame_header.size() > INT_MAX)
        return Error(ErrorCode::kInternal, "frame is too large to seal");
    return {};
}

// The tag of an unencrypted repository: it finds damage and mixed-up frames, not an adversary.
Xxh128Digest PlainTag(const ObjectKey& key, uint64_t frame_index, ByteView frame_header,
                      ByteView body) {
    Xxh128Stream stream(base::LoadLe<uint64_t>(key.key().data()));
    stream.Update(BigEndian(frame_index));
    stream.Update(frame_header);
    stream.Update(body);
    return stream.Finish();
}

enum class Direction { kOpen = 0, kSeal = 1 };

// Sets key, nonce and direction, takes in the header and transforms the body in place. The key is
// set anew each time: against a frame's length it costs nothing, and no stale one can remain.
bool RunCipher(EVP_CIPHER_CTX* context, Direction direction, const ObjectKey& key,
               uint64_t frame_index, ByteView frame_header, MutableBytes body) {
    const auto nonce = NonceOf(frame_index);
    int used = 0;
    if (EVP_CipherInit_ex2(context, Aes256Gcm(), Octets(key.key()), Octets(ByteView(nonce)),
                           static_cast<int>(direction), nullptr) != 1)
        return false;
    // An empty view may have no address, and EVP reads a missing address as "finish".
    if (!frame_header.empty() && EVP_CipherUpdate(context, nullptr, &used, Octets(frame_header),
                                                  static_cast<int>(frame_header.size())) != 1)
        return false;
    return body.empty() || EVP_CipherUpdate(context, Octets(body), &used, Octets(body),
                                            static_cast<int>(body.size())) == 1;
}

bool Finish(EVP_CIPHER_CTX* context) {
    unsigned char nothing[EVP_MAX_BLOCK_LENGTH];
    int used = 0;
    return EVP_CipherFinal_ex(context, nothing, &used) == 1;
}

}  // namespace

Secret DeriveKey(ByteView input_key, ByteView salt, ByteView info) {
    const std::unique_ptr<EVP_KDF_CTX, KdfDeleter> context(EVP_KDF_CTX_new(Hkdf()));
    if (context == nullptr) OpensslLacksMemory();
    char digest[] = "SHA256";
    std::array<OSSL_PARAM, 5> parameters;
    size_t count = 0;
    parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    // OpenSSL's parameters want writable addresses, and only read from these. An empty salt or
    // context means the same as none (RFC 5869), but OpenSSL refuses an empty parameter.
    auto add = [&](const char* name, ByteView bytes) {
        if (!bytes.empty())
            parameters[count++] = OSSL_PARAM_construct_octet_string(
                name, const_cast<std::byte*>(bytes.data()), bytes.size());
    };
    add(OSSL_KDF_PARAM_KEY, input_key);
    add(OSSL_KDF_PARAM_SALT, salt);
    add(OSSL_KDF_PARAM_INFO, info);
    parameters[count] = OSSL_PARAM_construct_end();
    Secret key(kKeyBytes);
    if (EVP_KDF_derive(context.get(), Octets(key.mutable_view()), kKeyBytes, parameters.data()) !=
        1)
        OpensslLacksMemory();
    return key;
}

FrameCipher::FrameCipher() : context_(EVP_CIPHER_CTX_new()) {
    if (context_ == nullptr) OpensslLacksMemory();
}

FrameCipher::~FrameCipher() { EVP_CIPHER_CTX_free(context_); }

FrameCipher::FrameCipher(FrameCipher&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

FrameCipher& FrameCipher::operator=(FrameCipher&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

Status FrameCipher::Seal(const ObjectKey& key, uint64_t frame_index, ByteView frame_header,
                         MutableBytes body, MutableBytes tag) {
    AGRI_TRY(CheckSizes(key, frame_header, body, tag));
    if (key.method() == SealingMethod::kNone) {
        const Xxh128Digest computed = PlainTag(key, frame_index, frame_header, body);
        std::memcpy(tag.data(), computed.data(), computed.size());
        return {};
    }
    if (!RunCipher(context_, Direction::kSeal, key, frame_index, frame_header, body) ||
        !Finish(context_) ||
        EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()) != 1)
        OpensslLacksMemory();
    return {};
}

Status FrameCipher::Open(const ObjectKey& key, uint64_t frame_index, ByteView frame_header,
                         MutableBytes body, ByteView tag) {
    AGRI_TRY(CheckSizes(key, frame_header, body, tag));
    if (key.method() == SealingMethod::kNone) {
        const Xxh128Digest computed = PlainTag(key, frame_index, frame_header, body);
        if (std::memcmp(tag.data(), computed.data(), computed.size()) != 0)
            return DoesNotAuthenticate();
        return {};
    }
    std::array<std::byte, kTagBytes> expected;
    std::memcpy(expected.data(), tag.data(), expected.size());
    if (!RunCipher(context_, Direction::kOpen, key, frame_index, frame_header, body) ||
        EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected.data()) != 1)
        OpensslLacksMemory();
    if (Finish(context_)) return {};
    // Plaintext that nobody vouches for is not left lying around for a caller's mistake.
    OPENSSL_cleanse(body.data(), body.size());
    ERR_clear_error();
    return DoesNotAuthenticate();
}

}  // namespace agri::codec

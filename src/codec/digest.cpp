// SHA-256 from OpenSSL and XXH3-128 from xxhash. Neither can fail on valid use, but for want of
// memory.
#include "codec/digest.hpp"

#include <openssl/evp.h>
#include <xxhash.h>

#include <new>
#include <stdexcept>

#include "codec/openssl_memory.hpp"

namespace agri::codec {

namespace {

void Require(int openssl_outcome) {
    if (openssl_outcome != 1) OpensslLacksMemory();
}

// Fetched once and kept for good: EVP_sha256() would look the provider up at every start.
const EVP_MD* Sha256Method() {
    static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (method == nullptr) throw std::runtime_error("OpenSSL has no SHA-256, or no memory for it");
    return method;
}

Xxh128Digest Canonical(XXH128_hash_t hash) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    Xxh128Digest digest;
    static_assert(sizeof(canonical.digest) == sizeof(digest));
    std::memcpy(digest.data(), canonical.digest, digest.size());
    return digest;
}

}  // namespace

Sha256Digest Sha256(base::ByteView data) {
    Sha256Digest digest;
    Require(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(digest.data()),
                       nullptr, Sha256Method(), nullptr));
    return digest;
}

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
    if (context_ != nullptr && EVP_DigestInit_ex2(context_, Sha256Method(), nullptr) == 1) return;
    EVP_MD_CTX_free(context_);
    OpensslLacksMemory();
}

Sha256Stream::~Sha256Stream() { EVP_MD_CTX_free(context_); }

void Sha256Stream::Update(base::ByteView data) {
    Require(EVP_DigestUpdate(context_, data.data(), data.size()));
}

Sha256Digest Sha256Stream::Finish() {
    Sha256Digest digest;
    Require(EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr));
    Require(EVP_DigestInit_ex2(context_, nullptr, nullptr));
    return digest;
}

Xxh128Digest Xxh128(base::ByteView data, uint64_t seed) {
    return Canonical(XXH3_128bits_withSeed(data.data(), data.size(), seed));
}

Xxh128Stream::Xxh128Stream(uint64_t seed) : state_(XXH3_createState()) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset_withSeed(state_, seed);
}

Xxh128Stream::~Xxh128Stream() { XXH3_freeState(state_); }

void Xxh128Stream::Update(base::ByteView data) {
    if (!data.empty()) XXH3_128bits_update(state_, data.data(), data.size());
}

Xxh128Digest Xxh128Stream::Finish() const { return Canonical(XXH3_128bits_digest(state_)); }

}  // namespace agri::codec

// Digests: SHA-256 (OpenSSL) where sameness must hold against an adversary, XXH3-128 where the data
// is sealed anyway, CRC-32C (Castagnoli, hardware) for WAL records, pg_control and backup_manifest.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

struct evp_md_ctx_st;
struct XXH3_state_s;

namespace agri::codec {

using Sha256Digest = std::array<std::byte, 32>;
using Xxh128Digest = std::array<std::byte, 16>;  // canonical (big-endian) form

Sha256Digest Sha256(base::ByteView data);

// Incremental SHA-256; not thread-safe.
class Sha256Stream {
   public:
    Sha256Stream();
    ~Sha256Stream();
    Sha256Stream(const Sha256Stream&) = delete;
    Sha256Stream& operator=(const Sha256Stream&) = delete;
    void Update(base::ByteView data);
    // The digest of all since the start; the stream then begins anew.
    Sha256Digest Finish();

   private:
    evp_md_ctx_st* context_;
};

Xxh128Digest Xxh128(base::ByteView data, uint64_t seed);

// Incremental XXH3-128; not thread-safe.
class Xxh128Stream {
   public:
    explicit Xxh128Stream(uint64_t seed);
    ~Xxh128Stream();
    Xxh128Stream(const Xxh128Stream&) = delete;
    Xxh128Stream& operator=(const Xxh128Stream&) = delete;
    void Update(base::ByteView data);
    Xxh128Digest Finish() const;

   private:
    XXH3_state_s* state_;
};

// CRC-32C of `data` continuing from `crc` (0 to begin): the finished value, as PostgreSQL's
// FIN_CRC32C gives and pg_verifybackup expects.
uint32_t Crc32c(uint32_t crc, base::ByteView data);
// The same without special instructions: what Crc32c falls back to, and is tested against.
uint32_t Crc32cPortable(uint32_t crc, base::ByteView data);
// CRC of the concatenation A||B from crc(A), crc(B) and the length of B in bytes.
uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);
// CRC of `length` zero bytes, in O(log length).
uint32_t Crc32cOfZeros(uint64_t length);

}  // namespace agri::codec

// zstd over one reusable context per thread. Inputs and outputs are whole frames in memory: the
// format bounds them (docs/repository-format.md), so no streaming state is ever kept.
#pragma once

#include <memory>

#include "base/bytes.hpp"
#include "base/error.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace agri::codec {

// Bound on a zstd output for `plain_bytes` of input.
size_t CompressBound(size_t plain_bytes);

// Not thread-safe: one per thread.
class Compressor {
   public:
    // Levels as zstd's, negative ones included (-7 … 19).
    explicit Compressor(int level);
    ~Compressor();
    Compressor(Compressor&&) noexcept;
    Compressor& operator=(Compressor&&) noexcept;
    // Compresses into `out` (at least CompressBound bytes); returns the bytes used. kInternal only.
    base::Result<size_t> Compress(base::ByteView plain, base::MutableBytes out);

   private:
    ZSTD_CCtx_s* context_;
};

// Not thread-safe: one per thread.
class Decompressor {
   public:
    Decompressor();
    ~Decompressor();
    Decompressor(Decompressor&&) noexcept;
    Decompressor& operator=(Decompressor&&) noexcept;
    // Fills `out` exactly; kCorrupt when the data is damaged or has another length.
    base::Status Decompress(base::ByteView stored, base::MutableBytes out);

   private:
    ZSTD_DCtx_s* context_;
};

}  // namespace agri::codec

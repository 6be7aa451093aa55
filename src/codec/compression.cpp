// zstd frames with their content size and without zstd's own checksum: the seal around each frame
// already proves every byte, and the manifest holds the digest of the plain content.
#include "codec/compression.hpp"

#include <zstd.h>

#include <new>
#include <stdexcept>
#include <utility>

namespace agri::codec {

using base::ErrorCode;
using base::MakeError;

namespace {

void SetParameter(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)))
        throw std::logic_error("zstd refuses a compression parameter");
}

}  // namespace

size_t CompressBound(size_t plain_bytes) { return ZSTD_compressBound(plain_bytes); }

Compressor::Compressor(int level) : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    // zstd itself brings a level out of its range to the nearest one in it.
    SetParameter(context_, ZSTD_c_compressionLevel, level);
    SetParameter(context_, ZSTD_c_contentSizeFlag, 1);
    SetParameter(context_, ZSTD_c_checksumFlag, 0);
}

Compressor::~Compressor() { ZSTD_freeCCtx(context_); }

Compressor::Compressor(Compressor&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

Compressor& Compressor::operator=(Compressor&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

base::Result<size_t> Compressor::Compress(base::ByteView plain, base::MutableBytes out) {
    const size_t used =
        ZSTD_compress2(context_, out.data(), out.size(), plain.data(), plain.size());
    if (ZSTD_isError(used))
        return MakeError(ErrorCode::kInternal, "could not compress {} bytes: {}", plain.size(),
                         ZSTD_getErrorName(used));
    return used;
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
}

Decompressor::~Decompressor() { ZSTD_freeDCtx(context_); }

Decompressor::Decompressor(Decompressor&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

Decompressor& Decompressor::operator=(Decompressor&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

base::Status Decompressor::Decompress(base::ByteView stored, base::MutableBytes out) {
    const size_t filled =
        ZSTD_decompressDCtx(context_, out.data(), out.size(), stored.data(), stored.size());
    if (ZSTD_isError(filled))
        return MakeError(ErrorCode::kCorrupt, "could not decompress data: {}",
                         ZSTD_getErrorName(filled));
    // No input at all "decompresses" to nothing; a frame, even of nothing, is not empty.
    if (filled != out.size() || stored.empty())
        return MakeError(ErrorCode::kCorrupt, "data decompresses to {} bytes instead of {}", filled,
                         out.size());
    return {};
}

}  // namespace agri::codec

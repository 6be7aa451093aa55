// zstd frames: codec/compression.hpp.
#include "codec/compression.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

namespace agri::codec {
namespace {

using base::Bytes;
using base::ByteView;
using base::ErrorCode;
using base::MutableBytes;

Bytes Compressed(ByteView plain, int level = 3) {
    Compressor compressor(level);
    Bytes out(CompressBound(plain.size()));
    out.resize(compressor.Compress(plain, out).value());
    return out;
}

Bytes Repetitive(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 97);
    return bytes;
}

Bytes Incompressible(size_t size) {
    std::mt19937 generator(42);
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator());
    return bytes;
}

TEST(Compression, EveryLevel_ComesBackUnchanged) {
    Decompressor decompressor;
    const Bytes plain = Repetitive(100000);
    for (int level : {-7, -1, 0, 1, 3, 9, 19}) {
        const Bytes stored = Compressed(plain, level);
        EXPECT_LT(stored.size(), plain.size() / 2) << level;
        Bytes out(plain.size());
        ASSERT_TRUE(decompressor.Decompress(stored, out)) << level;
        EXPECT_EQ(out, plain);
    }
}

TEST(Compression, IncompressibleOrEmptyInput_FitsTheBoundAndComesBack) {
    Decompressor decompressor;
    for (size_t size : {size_t{0}, size_t{1}, size_t{70000}}) {
        const Bytes plain = Incompressible(size);
        const Bytes stored = Compressed(plain);
        Bytes out(size);
        ASSERT_TRUE(decompressor.Decompress(stored, out)) << size;
        EXPECT_EQ(out, plain);
    }
}

TEST(Compressor, Frame_HasContentSizeAndNoChecksum) {
    const Bytes stored = Compressed(Repetitive(1000));
    EXPECT_EQ(ZSTD_getFrameContentSize(stored.data(), stored.size()), 1000U);
    // Bit 2 of the frame header's descriptor, after the magic number (RFC 8878, 3.1.1.1.1).
    EXPECT_EQ(std::to_integer<int>(stored[4]) & 4, 0);
}

TEST(Compressor, OneContextForManyFrames_LetsNoneDependOnAnother) {
    Compressor compressor(3);
    const Bytes plain = Repetitive(5000);
    Bytes first(CompressBound(plain.size())), second(first.size());
    first.resize(compressor.Compress(plain, first).value());
    second.resize(compressor.Compress(plain, second).value());
    EXPECT_EQ(first, second);
}

TEST(Compressor, OutputTooSmall_IsInternal) {
    Compressor compressor(3);
    Bytes out(10);
    EXPECT_EQ(compressor.Compress(Incompressible(1000), out).error().code, ErrorCode::kInternal);
}

TEST(Compressor, Moved_StillWorks) {
    Compressor source(3);
    Compressor target(std::move(source));
    source = Compressor(1);
    Bytes out(CompressBound(100));
    EXPECT_TRUE(target.Compress(Repetitive(100), out));
    EXPECT_TRUE(source.Compress(Repetitive(100), out));
}

TEST(Decompressor, AnotherLength_IsCorrupt) {
    Decompressor decompressor;
    const Bytes stored = Compressed(Repetitive(1000));
    for (size_t size : {0, 999, 1001}) {
        Bytes out(size);
        EXPECT_EQ(decompressor.Decompress(stored, out).error().code, ErrorCode::kCorrupt) << size;
    }
}

TEST(Decompressor, CutDamagedOrForeignData_IsCorrupt) {
    Decompressor decompressor;
    const Bytes plain = Repetitive(1000);
    const Bytes stored = Compressed(plain);
    Bytes out(plain.size());
    EXPECT_EQ(decompressor.Decompress(ByteView(stored).first(stored.size() - 1), out).error().code,
              ErrorCode::kCorrupt);
    EXPECT_EQ(decompressor.Decompress(plain, out).error().code, ErrorCode::kCorrupt);
    Bytes damaged = stored;
    damaged[0] ^= std::byte{1};
    EXPECT_EQ(decompressor.Decompress(damaged, out).error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(decompressor.Decompress(stored, out));
}

TEST(Decompressor, NoInput_IsCorruptEvenForNoOutput) {
    Decompressor decompressor;
    EXPECT_EQ(decompressor.Decompress({}, {}).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace agri::codec

// CRC-32C: codec/digest.hpp. Vectors: RFC 3720, B.4, and the customary check value.
#include <gtest/gtest.h>

#include "codec/digest.hpp"

namespace agri::codec {
namespace {

using base::AsBytes;
using base::Bytes;
using base::ByteView;

Bytes Counting(size_t size) {
    Bytes bytes(size);
    uint32_t state = 1;
    for (std::byte& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

// The definition: one bit at a time.
uint32_t CrcByBits(ByteView data) {
    uint32_t state = ~uint32_t{0};
    for (std::byte byte : data) {
        state ^= std::to_integer<uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit)
            state = (state >> 1) ^ ((state & 1) != 0 ? 0x82F63B78 : 0);
    }
    return ~state;
}

TEST(Crc32c, KnownVectors_Match) {
    Bytes ascending(32);
    for (size_t i = 0; i < 32; ++i) ascending[i] = static_cast<std::byte>(i);
    for (auto crc : {Crc32c, Crc32cPortable}) {
        EXPECT_EQ(crc(0, {}), 0U);
        EXPECT_EQ(crc(0, AsBytes("123456789")), 0xE3069283U);
        EXPECT_EQ(crc(0, Bytes(32)), 0x8A9136AAU);
        EXPECT_EQ(crc(0, Bytes(32, std::byte{0xFF})), 0x62A8AB43U);
        EXPECT_EQ(crc(0, ascending), 0x46DD794EU);
    }
}

TEST(Crc32c, LengthsAroundEveryLane_MatchTheDefinition) {
    const Bytes data = Counting(20000);
    for (size_t length : {1, 7, 8, 9, 63, 383, 384, 385, 767, 768, 769, 1000, 6143, 6144, 6145,
                          6528, 8192, 12288, 19993})
        for (size_t offset : {0, 1, 5}) {
            const ByteView piece = ByteView(data).subspan(offset, length);
            EXPECT_EQ(Crc32c(0, piece), CrcByBits(piece)) << length << " " << offset;
            EXPECT_EQ(Crc32cPortable(0, piece), CrcByBits(piece)) << length << " " << offset;
        }
}

TEST(Crc32c, Continued_EqualsTheWhole) {
    const Bytes data = Counting(9000);
    const uint32_t whole = Crc32c(0, data);
    for (size_t cut : {0, 1, 13, 4096, 8999, 9000}) {
        const ByteView head = ByteView(data).first(cut), tail = ByteView(data).subspan(cut);
        EXPECT_EQ(Crc32c(Crc32c(0, head), tail), whole) << cut;
        EXPECT_EQ(Crc32cPortable(Crc32cPortable(0, head), tail), whole) << cut;
    }
}

TEST(Crc32cCombine, AnyCut_EqualsTheWhole) {
    const Bytes data = Counting(9000);
    const uint32_t whole = Crc32c(0, data);
    for (size_t cut : {0, 1, 13, 4096, 8999, 9000}) {
        const ByteView head = ByteView(data).first(cut), tail = ByteView(data).subspan(cut);
        EXPECT_EQ(Crc32cCombine(Crc32c(0, head), Crc32c(0, tail), tail.size()), whole) << cut;
    }
}

TEST(Crc32cOfZeros, AnyLength_EqualsTheCrcOfThatManyZeros) {
    EXPECT_EQ(Crc32cOfZeros(0), 0U);
    const Bytes zeros(100000);
    for (size_t length : {1, 2, 3, 32, 8192, 99999, 100000})
        EXPECT_EQ(Crc32cOfZeros(length), Crc32c(0, ByteView(zeros).first(length))) << length;
}

// Beyond 2^32 bytes nothing can be computed byte by byte here, but halves must join to wholes.
TEST(Crc32cOfZeros, LengthsBeyond32Bits_JoinFromTheirParts) {
    for (uint64_t part : {uint64_t{1} << 31, uint64_t{1} << 40, (uint64_t{1} << 62) + 12345}) {
        const uint32_t crc = Crc32cOfZeros(part);
        EXPECT_EQ(Crc32cCombine(crc, crc, part), Crc32cOfZeros(2 * part)) << part;
        EXPECT_EQ(Crc32cCombine(crc, Crc32cOfZeros(7), 7), Crc32cOfZeros(part + 7)) << part;
    }
}

}  // namespace
}  // namespace agri::codec

// SHA-256 (FIPS 180-4 vectors) and XXH3-128: codec/digest.hpp.
#include "codec/digest.hpp"

#include <gtest/gtest.h>

namespace agri::codec {
namespace {

using base::AsBytes;
using base::Bytes;
using base::ByteView;
using base::ToHex;

constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256, KnownVectors_Match) {
    EXPECT_EQ(ToHex(Sha256(AsBytes("abc"))), kAbc);
    EXPECT_EQ(ToHex(Sha256({})), kNothing);
}

TEST(Sha256Stream, Pieces_EqualTheWhole) {
    Sha256Stream stream;
    stream.Update(AsBytes("a"));
    stream.Update({});
    stream.Update(AsBytes("bc"));
    EXPECT_EQ(ToHex(stream.Finish()), kAbc);
}

TEST(Sha256Stream, AfterFinish_BeginsAnew) {
    Sha256Stream stream;
    EXPECT_EQ(ToHex(stream.Finish()), kNothing);
    stream.Update(AsBytes("abc"));
    EXPECT_EQ(ToHex(stream.Finish()), kAbc);
}

TEST(Xxh128, KnownVector_IsInCanonicalOrder) {
    EXPECT_EQ(ToHex(Xxh128({}, 0)), "99aa06d3014798d86001c324468d497f");
}

TEST(Xxh128, AnotherSeed_GivesAnotherDigest) {
    EXPECT_NE(Xxh128(AsBytes("abc"), 1), Xxh128(AsBytes("abc"), 2));
}

TEST(Xxh128Stream, Pieces_EqualTheWhole) {
    const Bytes data(1000, std::byte{3});
    for (size_t cut : {0, 1, 240, 999}) {
        Xxh128Stream stream(77);
        stream.Update(ByteView(data).first(cut));
        stream.Update(ByteView(data).subspan(cut));
        EXPECT_EQ(stream.Finish(), Xxh128(data, 77)) << cut;
        EXPECT_EQ(stream.Finish(), Xxh128(data, 77)) << cut;
    }
}

}  // namespace
}  // namespace agri::codec

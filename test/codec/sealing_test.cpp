// Sealing: codec/sealing.hpp. Vectors: RFC 5869, appendix A; test cases 13 and 14 of the GCM
// specification (McGrew and Viega), whose all-zero nonce is that of frame 0.
#include "codec/sealing.hpp"

#include <gtest/gtest.h>

#include "codec/digest.hpp"

namespace agri::codec {
namespace {

using base::AsBytes;
using base::Bytes;
using base::ByteView;
using base::ErrorCode;
using base::ToHex;

Bytes Hex(std::string_view text) {
    Bytes bytes(text.size() / 2);
    EXPECT_TRUE(base::FromHex(text, bytes));
    return bytes;
}

Bytes Copy(std::string_view text) {
    const ByteView view = AsBytes(text);
    return {view.begin(), view.end()};
}

ObjectKey KeyOf(SealingMethod method, unsigned char fill) {
    return {method, Secret(Bytes(kKeyBytes, std::byte{fill}))};
}

TEST(DeriveKey, Rfc5869Vectors_Match) {
    const Secret with_all = DeriveKey(Bytes(22, std::byte{0x0b}), Hex("000102030405060708090a0b0c"),
                                      Hex("f0f1f2f3f4f5f6f7f8f9"));
    EXPECT_EQ(ToHex(with_all.view()),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    const Secret with_key_alone = DeriveKey(Bytes(22, std::byte{0x0b}), {}, {});
    EXPECT_EQ(ToHex(with_key_alone.view()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

// An object's name stands in the info; S3 allows names of 1024 bytes.
TEST(DeriveKey, LongInfo_Matters) {
    const Bytes key(32, std::byte{1});
    Bytes info(1200, std::byte{2});
    const Secret first = DeriveKey(key, {}, info);
    info.back() = std::byte{3};
    EXPECT_NE(ToHex(first.view()), ToHex(DeriveKey(key, {}, info).view()));
}

TEST(FrameCipher, GcmSpecificationVectors_Match) {
    FrameCipher cipher;
    const ObjectKey zero_key = KeyOf(SealingMethod::kAes256Gcm, 0);
    Bytes body, tag(kTagBytes);
    ASSERT_TRUE(cipher.Seal(zero_key, 0, {}, body, tag));
    EXPECT_EQ(ToHex(tag), "530f8afbc74536b9a963b4f1c4cb738b");
    body.resize(16);
    ASSERT_TRUE(cipher.Seal(zero_key, 0, {}, body, tag));
    EXPECT_EQ(ToHex(body), "cea7403d4d606b6e074ec5d3baf39d18");
    EXPECT_EQ(ToHex(tag), "d0d1c8a799996bf0265b98b5d48ab919");
}

// Computed with Python's `cryptography`: pins the place and the byte order of the frame's index.
TEST(FrameCipher, FrameIndex_IsBigEndianAtTheNoncesEnd) {
    FrameCipher cipher;
    Bytes body = Copy("agri"), tag(kTagBytes);
    ASSERT_TRUE(cipher.Seal(KeyOf(SealingMethod::kAes256Gcm, 7), 0x0102030405060708,
                            AsBytes("header"), body, tag));
    EXPECT_EQ(ToHex(body), "b24c0a19");
    EXPECT_EQ(ToHex(tag), "92e0be4088e3eeb3e233b02ae5b45ede");
}

TEST(FrameCipher, WithoutSealing_TagIsXxh128OverIndexHeaderAndBody) {
    FrameCipher cipher;
    const Bytes seed_key = Hex("0807060504030201");
    const ObjectKey key(SealingMethod::kNone, Secret(seed_key));
    Bytes body = Copy("body"), tag(kTagBytes);
    ASSERT_TRUE(cipher.Seal(key, 0x1122, AsBytes("header"), body, tag));
    EXPECT_EQ(base::AsText(body), "body");
    Bytes message = Hex("0000000000001122");
    for (std::byte byte : AsBytes("headerbody")) message.push_back(byte);
    EXPECT_EQ(ToHex(tag), ToHex(Xxh128(message, 0x0102030405060708)));
}

class FrameCipherTest : public testing::TestWithParam<SealingMethod> {
   protected:
    FrameCipherTest() { EXPECT_TRUE(cipher_.Seal(key_, 5, AsBytes("header"), body_, tag_)); }
    base::Status OpenSealed() { return cipher_.Open(key_, 5, AsBytes("header"), body_, tag_); }

    FrameCipher cipher_;
    const ObjectKey key_ = KeyOf(GetParam(), 1);
    Bytes body_ = Copy("the body of a frame, longer than a block");
    Bytes tag_ = Bytes(kTagBytes);
};

INSTANTIATE_TEST_SUITE_P(Methods, FrameCipherTest,
                         testing::Values(SealingMethod::kNone, SealingMethod::kAes256Gcm));

TEST_P(FrameCipherTest, Unchanged_OpensToThePlainBody) {
    ASSERT_TRUE(OpenSealed());
    EXPECT_EQ(base::AsText(body_), "the body of a frame, longer than a block");
}

TEST_P(FrameCipherTest, AnyFlippedBodyByte_IsCorrupt) {
    const Bytes sealed = body_;
    for (size_t i = 0; i < sealed.size(); ++i) {
        body_ = sealed;
        body_[i] ^= std::byte{0x80};
        EXPECT_EQ(OpenSealed().error().code, ErrorCode::kCorrupt) << i;
    }
}

TEST_P(FrameCipherTest, AnyFlippedTagByte_IsCorrupt) {
    const Bytes sealed = body_, tag = tag_;
    for (size_t i = 0; i < tag.size(); ++i) {
        body_ = sealed;
        tag_ = tag;
        tag_[i] ^= std::byte{1};
        EXPECT_EQ(OpenSealed().error().code, ErrorCode::kCorrupt) << i;
    }
}

TEST_P(FrameCipherTest, AnotherHeader_IsCorrupt) {
    const Bytes sealed = body_;
    for (const char* header : {"", "heade", "Header", "headers"}) {
        body_ = sealed;
        EXPECT_EQ(cipher_.Open(key_, 5, AsBytes(header), body_, tag_).error().code,
                  ErrorCode::kCorrupt);
    }
}

TEST_P(FrameCipherTest, AnotherIndex_IsCorrupt) {
    EXPECT_EQ(cipher_.Open(key_, 6, AsBytes("header"), body_, tag_).error().code,
              ErrorCode::kCorrupt);
}

TEST_P(FrameCipherTest, AnotherKey_IsCorrupt) {
    const ObjectKey other = KeyOf(GetParam(), 2);
    EXPECT_EQ(cipher_.Open(other, 5, AsBytes("header"), body_, tag_).error().code,
              ErrorCode::kCorrupt);
}

TEST_P(FrameCipherTest, CutBody_IsCorrupt) {
    body_.pop_back();
    EXPECT_EQ(OpenSealed().error().code, ErrorCode::kCorrupt);
}

TEST_P(FrameCipherTest, AfterAFailureAndWithOtherKeysBetween_StillOpens) {
    Bytes other_body = Copy("other"), other_tag(kTagBytes);
    const ObjectKey other = KeyOf(GetParam(), 9);
    EXPECT_FALSE(cipher_.Open(other, 0, {}, other_body, other_tag));
    ASSERT_TRUE(cipher_.Seal(other, 0, {}, other_body, other_tag));
    EXPECT_TRUE(OpenSealed());
}

TEST_P(FrameCipherTest, EmptyBody_IsSealedAndOpened) {
    Bytes empty, tag(kTagBytes);
    ASSERT_TRUE(cipher_.Seal(key_, 1, AsBytes("h"), empty, tag));
    EXPECT_TRUE(cipher_.Open(key_, 1, AsBytes("h"), empty, tag));
    EXPECT_FALSE(cipher_.Open(key_, 1, AsBytes("g"), empty, tag));
}

TEST_P(FrameCipherTest, WrongKeyOrTagLength_IsInternal) {
    const ObjectKey short_key(GetParam(), Secret(size_t{7}));
    EXPECT_EQ(cipher_.Seal(short_key, 0, {}, body_, tag_).error().code, ErrorCode::kInternal);
    tag_.pop_back();
    EXPECT_EQ(OpenSealed().error().code, ErrorCode::kInternal);
}

TEST_P(FrameCipherTest, MovedCipher_StillOpens) {
    FrameCipher moved(std::move(cipher_));
    cipher_ = FrameCipher();
    EXPECT_TRUE(moved.Open(key_, 5, AsBytes("header"), body_, tag_));
}

TEST(FrameCipher, GcmFailure_LeavesNoPlaintextBehind) {
    FrameCipher cipher;
    const ObjectKey key = KeyOf(SealingMethod::kAes256Gcm, 1);
    Bytes body = Copy("secret"), tag(kTagBytes);
    ASSERT_TRUE(cipher.Seal(key, 0, {}, body, tag));
    tag[0] ^= std::byte{1};
    ASSERT_FALSE(cipher.Open(key, 0, {}, body, tag));
    EXPECT_TRUE(base::IsAllZero(body));
}

}  // namespace
}  // namespace agri::codec

// One frame at a time: what is stored, and what a frame header may say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/fixed_sealing.hpp"
#include "repo/object.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::FixedSealing;
using testing::HasSubstr;

codec::ObjectKey Key(std::string_view name = "a/name") {
    FixedSealing sealing;
    return *sealing.KeyFor(sealing.NewHeader(ObjectKind::kPack), name);
}

base::Bytes Noise(size_t bytes) {
    base::Bytes noise(bytes);
    base::SystemRandom().Fill(noise);
    return noise;
}

base::Bytes Encoded(FrameCoder& coder, uint32_t index, base::ByteView plain, bool is_last) {
    auto frame = coder.Encode(Key(), index, plain, is_last);
    EXPECT_TRUE(frame);
    return {frame->begin(), frame->end()};
}

TEST(FrameCoderTest, Encode_Compressible_ShrinksAndComesBack) {
    FrameCoder coder(1);
    base::Bytes plain(100000, std::byte{'z'});
    base::Bytes frame = Encoded(coder, 7, plain, false);
    EXPECT_LT(frame.size(), 1000u);
    base::Bytes back(plain.size());
    ASSERT_TRUE(coder.Decode(Key(), 7, frame, false, back));
    EXPECT_EQ(back, plain);
}

TEST(FrameCoderTest, Encode_Incompressible_IsStoredRaw) {
    FrameCoder coder(1);
    base::Bytes plain = Noise(5000);
    base::Bytes frame = Encoded(coder, 0, plain, true);
    EXPECT_EQ(frame.size(), plain.size() + kFrameOverheadBytes);
    EXPECT_EQ(FrameHeader::Decode(frame)->codec, FrameCodec::kRaw);
    base::Bytes back(plain.size());
    ASSERT_TRUE(coder.Decode(Key(), 0, frame, true, back));
    EXPECT_EQ(back, plain);
}

TEST(FrameCoderTest, Encode_NoCompression_StoresAsItIs) {
    FrameCoder coder(kNoCompression);
    base::Bytes frame = Encoded(coder, 0, base::Bytes(4096), false);
    EXPECT_EQ(frame.size(), 4096 + kFrameOverheadBytes);
    EXPECT_EQ(FrameHeader::Decode(frame)->codec, FrameCodec::kRaw);
}

TEST(FrameCoderTest, Encode_ReusedForSmallerAndEmpty_LeavesNothingBehind) {
    FrameCoder coder(1);
    for (size_t bytes : {100000u, 10u, 0u, 70000u}) {
        base::Bytes plain = Noise(bytes);
        base::Bytes frame = Encoded(coder, 3, plain, false);
        base::Bytes back(bytes);
        ASSERT_TRUE(coder.Decode(Key(), 3, frame, false, back));
        EXPECT_EQ(back, plain);
    }
}

TEST(FrameCoderTest, Encode_LargestFrame_FitsAndOneMoreDoesNot) {
    FrameCoder coder(kNoCompression);
    base::Bytes plain(kMaxFramePlainBytes + 1);
    EXPECT_TRUE(coder.Encode(Key(), 0, base::ByteView(plain).first(kMaxFramePlainBytes), true));
    EXPECT_EQ(coder.Encode(Key(), 0, plain, true).error().code, ErrorCode::kInternal);
}

TEST(FrameCoderTest, Decode_OtherIndexNameOrLastMark_IsCorruptAndGivesNothingAway) {
    FrameCoder coder(1);
    base::Bytes plain = Noise(100);
    base::Bytes frame = Encoded(coder, 5, plain, false);
    base::Bytes back(plain.size());
    EXPECT_EQ(coder.Decode(Key(), 6, frame, false, back).error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(base::IsAllZero(back));
    auto renamed = coder.Decode(Key("another/name"), 5, frame, false, back);
    EXPECT_EQ(renamed.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(coder.Decode(Key(), 5, frame, true, back).error().message, HasSubstr("was cut"));
    base::Bytes last = Encoded(coder, 5, plain, true);
    EXPECT_THAT(coder.Decode(Key(), 5, last, false, back).error().message, HasSubstr("follows"));
}

TEST(FrameCoderTest, Decode_WrongRoom_IsCorrupt) {
    FrameCoder coder(1);
    base::Bytes frame = Encoded(coder, 0, Noise(100), false);
    base::Bytes back(99);
    EXPECT_EQ(coder.Decode(Key(), 0, frame, false, back).error().code, ErrorCode::kCorrupt);
}

TEST(FrameHeaderTest, Decode_WhatNoWriterWrites_IsCorrupt) {
    FrameHeader good{.stored_length = 10, .plain_length = 20, .codec = FrameCodec::kZstd};
    ASSERT_TRUE(FrameHeader::Decode(good.Encode()));
    auto refused = [](FrameHeader header) {
        auto decoded = FrameHeader::Decode(header.Encode());
        return !decoded && decoded.error().code == ErrorCode::kCorrupt;
    };
    EXPECT_TRUE(refused({.stored_length = 21, .plain_length = 20, .codec = FrameCodec::kZstd}));
    EXPECT_TRUE(refused({.stored_length = 10, .plain_length = 20, .codec = FrameCodec::kRaw}));
    EXPECT_TRUE(refused({.stored_length = 0, .plain_length = kMaxFramePlainBytes + 1}));
    EXPECT_TRUE(refused({.codec = static_cast<FrameCodec>(2)}));
    for (size_t reserved : {9u, 10u, 11u}) {
        auto bytes = good.Encode();
        bytes[reserved] = std::byte{2};
        EXPECT_FALSE(FrameHeader::Decode(bytes)) << reserved;
    }
    EXPECT_FALSE(FrameHeader::Decode(base::ByteView(good.Encode()).first(11)));
}

}  // namespace
}  // namespace agri::repo

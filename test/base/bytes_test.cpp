// Byte helpers: base/bytes.hpp.
#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace agri::base {
namespace {

TEST(LoadLe, UnalignedAddress_ReadsLeastSignificantByteFirst) {
    const unsigned char raw[] = {0xFF, 0x01, 0x02, 0x03, 0x04};
    EXPECT_EQ(LoadLe<uint32_t>(raw + 1), 0x04030201U);
}

TEST(StoreLe, UnalignedAddress_WritesLeastSignificantByteFirst) {
    unsigned char raw[5] = {};
    StoreLe<uint32_t>(raw + 1, 0x04030201U);
    EXPECT_EQ(raw[0], 0);
    EXPECT_EQ(raw[1], 1);
    EXPECT_EQ(raw[4], 4);
}

TEST(IsAllZero, AllZero_IsTrueForEveryLength) {
    const Bytes zeros(100);
    for (size_t length = 0; length <= zeros.size(); ++length)
        EXPECT_TRUE(IsAllZero(ByteView(zeros).first(length))) << length;
}

TEST(IsAllZero, OneOtherByteAnywhere_IsFalse) {
    for (size_t length = 1; length <= 70; ++length)
        for (size_t position = 0; position < length; ++position) {
            Bytes bytes(length);
            bytes[position] = std::byte{1};
            EXPECT_FALSE(IsAllZero(bytes)) << length << " " << position;
        }
}

TEST(ToHex, AnyByte_IsLowerCase) {
    EXPECT_EQ(ToHex(AsBytes(std::string_view("\x00\xAB\xFF", 3))), "00abff");
    EXPECT_EQ(ToHex({}), "");
}

TEST(FromHex, BothCases_ParsesExactly) {
    Bytes out(3);
    ASSERT_TRUE(FromHex("00aBFf", out));
    EXPECT_EQ(ToHex(out), "00abff");
}

TEST(FromHex, WrongLengthOrCharacter_IsRefused) {
    Bytes out(1);
    EXPECT_FALSE(FromHex("a", out));
    EXPECT_FALSE(FromHex("abcd", out));
    EXPECT_FALSE(FromHex("", out));
    EXPECT_FALSE(FromHex("ag", out));
    EXPECT_FALSE(FromHex(" a", out));
}

}  // namespace
}  // namespace agri::base

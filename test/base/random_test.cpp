// The kernel's random numbers: base/random.hpp.
#include "base/random.hpp"

#include <gtest/gtest.h>

namespace agri::base {
namespace {

TEST(SystemRandom, TwoFills_Differ) {
    std::array<std::byte, 32> first{}, second{};
    SystemRandom().Fill(first);
    SystemRandom().Fill(second);
    EXPECT_NE(first, second);
    EXPECT_FALSE(IsAllZero(first));
}

// Above 256 bytes getrandom may give less than asked for.
TEST(SystemRandom, LongBuffer_IsFilledToItsEnd) {
    Bytes buffer(1 << 16);
    SystemRandom().Fill(buffer);
    EXPECT_FALSE(IsAllZero(ByteView(buffer).last(32)));
    SystemRandom().Fill({});
}

}  // namespace
}  // namespace agri::base

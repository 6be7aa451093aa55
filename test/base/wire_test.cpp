// The control protocol's messages: base/wire.hpp.
#include "base/wire.hpp"

#include <gtest/gtest.h>

namespace agri::base::wire {
namespace {

std::string Framed(std::string_view body) {
    const auto length = static_cast<uint32_t>(body.size());
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)).append(body);
}

TEST(Wire, EncodedMessage_IsDecodedByteByByte) {
    const std::string bytes =
        Encode(Message("ARCHIVE").Set("file", "000000010000000000000001").Set("note", ""));
    std::string buffer;
    Message message;
    for (size_t i = 0; i + 1 < bytes.size(); ++i) {
        buffer.push_back(bytes[i]);
        ASSERT_EQ(Decode(buffer, message), DecodeResult::kNeedMore);
    }
    buffer.push_back(bytes.back());
    ASSERT_EQ(Decode(buffer, message), DecodeResult::kMessage);
    EXPECT_EQ(message.verb, "ARCHIVE");
    EXPECT_EQ(message.Get("file"), "000000010000000000000001");
    EXPECT_TRUE(message.Has("note"));
    EXPECT_FALSE(message.Has("absent"));
    EXPECT_EQ(message.Get("absent", "fallback"), "fallback");
    EXPECT_TRUE(buffer.empty());
}

TEST(Wire, TwoMessagesInOneBuffer_AreTakenOneByOne) {
    std::string buffer = Encode(Message("A")) + Encode(Message("B").Set("k", "v"));
    Message message;
    ASSERT_EQ(Decode(buffer, message), DecodeResult::kMessage);
    EXPECT_EQ(message.verb, "A");
    ASSERT_EQ(Decode(buffer, message), DecodeResult::kMessage);
    EXPECT_EQ(message.verb, "B");
    EXPECT_EQ(Decode(buffer, message), DecodeResult::kNeedMore);
}

TEST(Wire, ImpossibleLength_IsMalformedBeforeItsBytesArrive) {
    Message message;
    std::string empty = Framed("");
    EXPECT_EQ(Decode(empty, message), DecodeResult::kMalformed);
    std::string huge("\xFF\xFF\xFF\xFF", 4);
    EXPECT_EQ(Decode(huge, message), DecodeResult::kMalformed);
}

TEST(Wire, BodyOfAnotherShape_IsMalformed) {
    using std::string_view_literals::operator""sv;
    Message message;
    for (std::string_view body : {"VERB"sv, "\0"sv, "VERB\0key\0"sv, "VERB\0key\0value"sv}) {
        std::string buffer = Framed(body);
        EXPECT_EQ(Decode(buffer, message), DecodeResult::kMalformed) << body;
    }
}

}  // namespace
}  // namespace agri::base::wire

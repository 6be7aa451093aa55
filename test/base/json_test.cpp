// JSON as the program reads and writes it: base/json.hpp.
#include "base/json.hpp"

#include <gtest/gtest.h>

namespace agri::base {
namespace {

TEST(Json, Parse_ReadsADocument) {
    const auto document = ParseJson(R"({"a": [1, {"b": "c"}, {"b": "d"}]})");
    ASSERT_TRUE(document.is_object());
    EXPECT_EQ(document["a"][2]["b"], "d");
}

TEST(Json, Parse_NotJsonOrDoubledMember_Discarded) {
    for (const char* text : {"", "{", "{} {}", R"({"a": 1, "a": 1})", R"([{"b": {"a": 1, "a": 2}}])", "\xff"})
        EXPECT_TRUE(ParseJson(text).is_discarded()) << text;
}

// A path in a message may be any bytes.
TEST(Json, Write_BytesThatAreNotUtf8_Replaced) {
    const nlohmann::json document = {{"path", "seeds\xff"}};
    EXPECT_EQ(ToLine(document), "{\"path\":\"seeds\xef\xbf\xbd\"}");
    EXPECT_EQ(ToIndented(document), "{\n  \"path\": \"seeds\xef\xbf\xbd\"\n}");
}

}  // namespace
}  // namespace agri::base

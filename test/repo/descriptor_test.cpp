// The descriptor: written one way, and read strictly.
#include "repo/descriptor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/fixed_sealing.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using testing::HasSubstr;

constexpr std::string_view kWhere = "file:///backup";

TEST(DescriptorTest, Serialize_Golden_IsTheSameToTheByte) {
    test::Golden golden = test::ReadGolden("v1_descriptor");
    auto parsed = Descriptor::Parse(base::AsText(golden.content), kWhere);
    ASSERT_TRUE(parsed) << parsed.error().ToString();
    EXPECT_EQ(parsed->repository_id, test::Counting<16>(0));
    EXPECT_EQ(parsed->sealing, codec::SealingMethod::kAes256Gcm);
    EXPECT_EQ(parsed->Serialize(), base::AsText(golden.content));
}

TEST(DescriptorTest, Parse_Unsealed_SaysSo) {
    Descriptor descriptor{.sealing = codec::SealingMethod::kNone};
    auto parsed = Descriptor::Parse(descriptor.Serialize(), kWhere);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->sealing, codec::SealingMethod::kNone);
}

TEST(DescriptorTest, Parse_NewerFormat_SaysUpgradeWhateverElseItHolds) {
    for (std::string_view text : {R"({"format": 2})", R"({"format":4294967297,"x":[{}]})"}) {
        auto parsed = Descriptor::Parse(text, kWhere);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().code, ErrorCode::kUnsupported);
        EXPECT_THAT(parsed.error().message,
                    HasSubstr("is newer than this program understands (1)"));
        EXPECT_THAT(parsed.error().hint, HasSubstr("Upgrade"));
    }
    EXPECT_EQ(Descriptor::Parse(R"({"format": 2})", kWhere).error().message,
              "repository format 2 is newer than this program understands (1)");
}

TEST(DescriptorTest, Parse_AnythingElse_IsCorruptAndNamesTheRepository) {
    const std::string id = R"("repository_id":"000102030405060708090a0b0c0d0e0f",)";
    const std::string rest = R"("sealing":"none","created":"2025-11-22T20:35:01Z"})";
    ASSERT_TRUE(Descriptor::Parse(R"({"format":1,)" + id + rest, kWhere));
    for (const std::string& text : {
             std::string(),
             std::string("null"),
             std::string("[]"),
             std::string(R"({"format":1)"),
             R"({"format":1,)" + id + rest + "x",
             R"({"format":0,)" + id + rest,
             R"({"format":-1,)" + id + rest,
             R"({"format":1.5,)" + id + rest,
             R"({"format":"1",)" + id + rest,
             "{" + id + rest,
             R"({"format":1,)" + rest,
             R"({"format":1,"repository_id":7,)" + rest,
             R"({"format":1,"repository_id":"00",)" + rest,
             R"({"format":1,"more":1,)" + id + rest,
             R"({"format":1,"format":1,)" + id + rest,
             R"({"format":1,)" + id + R"("sealing":"rot13","created":"2025-11-22T20:35:01Z"})",
             R"({"format":1,)" + id + R"("sealing":"none","created":"2025-11-22 20:35"})",
             R"({"format":1,)" + id + R"("sealing":"none"})",
             std::string(60000, '['),
         }) {
        auto parsed = Descriptor::Parse(text, kWhere);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::kCorrupt) << text;
        EXPECT_THAT(parsed.error().message, HasSubstr(kWhere)) << text;
    }
}

}  // namespace
}  // namespace agri::repo

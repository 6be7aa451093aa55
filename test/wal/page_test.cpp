// Each field of a segment's first page header, wrong one at a time.
#include "wal/page.hpp"

#include <gtest/gtest.h>

#include "golden.hpp"
#include "wal_builder.hpp"

namespace agri::wal {
namespace {

using base::Bytes;
using base::ErrorCode;

template <class T>
base::Result<SegmentHeader> ReadWith(size_t offset, T value) {
    Bytes segment = WalBuilder().Segment(0);
    base::StoreLe(segment.data() + offset, value);
    return ReadSegmentHeader(segment);
}

void ExpectError(const base::Result<SegmentHeader>& header, ErrorCode code, std::string_view text) {
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, code);
    EXPECT_NE(header.error().message.find(text), std::string::npos) << header.error().message;
}

TEST(ReadSegmentHeader, GoldenSegments_TellTheirCluster) {
    for (int version : golden::kVersions) {
        const std::string name = golden::PathName(version, "first");
        auto header = ReadSegmentHeader(golden::ReadFile(version, name));
        ASSERT_TRUE(header) << header.error().ToString();
        EXPECT_EQ(header->major_version, version);
        EXPECT_EQ(header->timeline.value, 1u);
        EXPECT_EQ(header->start.value, golden::NumberOf(name) * golden::kSegmentBytes);
        EXPECT_EQ(header->segment_size_bytes, golden::kSegmentBytes);
        EXPECT_EQ(header->page_size_bytes, 8192u);
        const std::string control = golden::ReadText(version, "pg_controldata.txt");
        EXPECT_NE(control.find(" " + std::to_string(header->system_identifier) + "\n"),
                  std::string::npos);
    }
}

TEST(ReadSegmentHeader, ContinuedRecord_TellsWhatIsLeft) {
    WalBuilder wal;
    wal.Filler(kMinSegmentBytes);
    auto header = ReadSegmentHeader(wal.Segment(1));
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->continues_record);
    EXPECT_GT(header->remaining_bytes, 0u);
    EXPECT_FALSE(header->overwrites_record);
}

TEST(ReadSegmentHeader, WrongFields_AreNamed) {
    ExpectError(ReadWith<uint16_t>(0, 0xD119), ErrorCode::kUnsupported, "magic D119");
    ExpectError(ReadWith<uint16_t>(0, 0xD10D), ErrorCode::kUnsupported, "magic D10D");
    ExpectError(ReadWith<uint16_t>(0, 0x4B50), ErrorCode::kCorrupt, "magic is 4B50");
    ExpectError(ReadWith<uint16_t>(0, 0), ErrorCode::kCorrupt, "first page is empty");
    ExpectError(ReadWith<uint16_t>(2, 0), ErrorCode::kCorrupt, "flags 0000");
    ExpectError(ReadWith<uint16_t>(2, 0x12), ErrorCode::kCorrupt, "flags 0012");
    ExpectError(ReadWith<uint16_t>(2, 3), ErrorCode::kCorrupt, "continues a record of no length");
    ExpectError(ReadWith<uint32_t>(4, 0), ErrorCode::kCorrupt, "no timeline");
    ExpectError(ReadWith<uint64_t>(8, 8192), ErrorCode::kCorrupt, "0/2000");
    ExpectError(ReadWith<uint64_t>(8, 0xFFFFFFFFFFF00000), ErrorCode::kCorrupt, "impossible");
    ExpectError(ReadWith<uint32_t>(32, 12345), ErrorCode::kCorrupt, "segment size: 12345");
    ExpectError(ReadWith<uint32_t>(32, 1u << 31), ErrorCode::kCorrupt, "segment size");
    ExpectError(ReadWith<uint32_t>(36, 0), ErrorCode::kCorrupt, "page size: 0");
    ExpectError(ReadSegmentHeader({}), ErrorCode::kCorrupt, "too short: 0 bytes");
    const Bytes segment = WalBuilder().Segment(0);
    ExpectError(ReadSegmentHeader(base::ByteView(segment).first(39)), ErrorCode::kCorrupt,
                "too short: 39 bytes");
    EXPECT_TRUE(ReadSegmentHeader(base::ByteView(segment).first(40)));
}

TEST(PageMagic, SupportedVersions_GoBothWays) {
    for (int version : {15, 16, 17, 18})
        EXPECT_EQ(MajorVersionOfPageMagic(*PageMagicOf(version)), version);
    EXPECT_FALSE(PageMagicOf(14));
    EXPECT_FALSE(PageMagicOf(19));
}

}  // namespace
}  // namespace agri::wal

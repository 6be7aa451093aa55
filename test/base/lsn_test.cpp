// WAL positions and names: base/lsn.hpp.
#include "base/lsn.hpp"

#include <gtest/gtest.h>

namespace agri::base {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(Lsn, ToString_MatchesPgLsn) {
    EXPECT_EQ((Lsn{0x16B374D848}).ToString(), "16/B374D848");
    EXPECT_EQ(Lsn{}.ToString(), "0/0");
    EXPECT_EQ((Lsn{0xFFFFFFFFFFFFFFFF}).ToString(), "FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, Parse_ReadsWhatPgLsnReads) {
    EXPECT_EQ(Lsn::Parse("16/B374D848"), (Lsn{0x16B374D848}));
    EXPECT_EQ(Lsn::Parse("16/b374d848"), (Lsn{0x16B374D848}));
    EXPECT_EQ(Lsn::Parse("00000000/0000000A"), (Lsn{10}));
    EXPECT_EQ(Lsn::Parse("FFFFFFFF/FFFFFFFF"), (Lsn{0xFFFFFFFFFFFFFFFF}));
}

TEST(Lsn, Parse_Malformed_IsRefused) {
    for (const char* text : {"", "/", "1", "1/", "/1", "1/2/3", "1//2", " 1/2", "1/2 ", "1/ 2",
                             "0x1/2", "-1/2", "1/-2", "+1/2", "123456789/0", "0/123456789", "G/0"})
        EXPECT_EQ(Lsn::Parse(text), std::nullopt) << text;
}

TEST(TimelineId, ToString_IsEightUpperCaseDigits) {
    EXPECT_EQ(TimelineId{1}.ToString(), "00000001");
    EXPECT_EQ(TimelineId{0xABCDEF12}.ToString(), "ABCDEF12");
}

TEST(SegmentId, FileName_DependsOnTheSegmentSize) {
    const Lsn lsn{0x1600000000 + 0xB374D848};
    EXPECT_EQ(SegmentId::Of(TimelineId{1}, lsn, 16 * kMiB).FileName(16 * kMiB),
              "0000000100000016000000B3");
    EXPECT_EQ(SegmentId::Of(TimelineId{1}, lsn, 1 * kMiB).FileName(1 * kMiB),
              "000000010000001600000B37");
    EXPECT_EQ(SegmentId::Of(TimelineId{1}, lsn, 1024 * kMiB).FileName(1024 * kMiB),
              "000000010000001600000002");
}

TEST(SegmentId, Parse_IsTheInverseOfFileName) {
    for (uint64_t size = kMiB; size <= 1024 * kMiB; size *= 2) {
        const SegmentId id = SegmentId::Of(TimelineId{0x1A}, Lsn{0xFEDCBA9876543210}, size);
        EXPECT_EQ(SegmentId::Parse(id.FileName(size), size), id);
    }
}

TEST(SegmentId, StartAndEnd_EncloseTheLsn) {
    const SegmentId id{TimelineId{1}, 0x16B3};
    EXPECT_EQ(id.Start(16 * kMiB), (Lsn{0x16B3000000}));
    EXPECT_EQ(id.End(16 * kMiB), (Lsn{0x16B4000000}));
}

TEST(SegmentId, Parse_NumberBeyondTheSegmentSize_IsRefused) {
    EXPECT_TRUE(SegmentId::Parse("0000000100000000000000FF", 16 * kMiB));
    EXPECT_EQ(SegmentId::Parse("000000010000000000000100", 16 * kMiB), std::nullopt);
    EXPECT_TRUE(SegmentId::Parse("000000010000000000000003", 1024 * kMiB));
    EXPECT_EQ(SegmentId::Parse("000000010000000000000004", 1024 * kMiB), std::nullopt);
}

TEST(SegmentId, Parse_ImpossibleSegmentSize_IsRefused) {
    for (uint64_t size : {uint64_t{0}, uint64_t{1}, kMiB / 2, 3 * kMiB, 2048 * kMiB})
        EXPECT_EQ(SegmentId::Parse("000000010000000000000001", size), std::nullopt) << size;
}

TEST(SegmentId, Parse_AnyOtherName_IsRefused) {
    for (const char* name :
         {"", "00000001000000000000000", "0000000100000000000000011", "00000001000000000000000a",
          "000000000000000000000001", "000000010000000000000001.partial"})
        EXPECT_EQ(SegmentId::Parse(name, 16 * kMiB), std::nullopt) << name;
}

TEST(WalFileName, Parse_KnowsTheFourForms) {
    const auto segment = WalFileName::Parse("0000000A0000001600000B37");
    ASSERT_TRUE(segment);
    EXPECT_EQ(segment->kind, WalFileKind::kSegment);
    EXPECT_EQ(segment->timeline, TimelineId{10});
    EXPECT_EQ(segment->segment_name, "0000000A0000001600000B37");

    const auto partial = WalFileName::Parse("000000010000000000000001.partial");
    ASSERT_TRUE(partial);
    EXPECT_EQ(partial->kind, WalFileKind::kPartial);
    EXPECT_EQ(partial->name, "000000010000000000000001.partial");
    EXPECT_EQ(partial->segment_name, "000000010000000000000001");

    const auto backup = WalFileName::Parse("000000010000000000000001.00000028.backup");
    ASSERT_TRUE(backup);
    EXPECT_EQ(backup->kind, WalFileKind::kBackupHistory);
    EXPECT_EQ(backup->segment_name, "000000010000000000000001");

    const auto history = WalFileName::Parse("00000002.history");
    ASSERT_TRUE(history);
    EXPECT_EQ(history->kind, WalFileKind::kHistory);
    EXPECT_EQ(history->timeline, TimelineId{2});
    EXPECT_EQ(history->segment_name, "");
}

TEST(WalFileName, Parse_AllElse_IsRefused) {
    for (const char* name : {"",
                             "history",
                             ".history",
                             "0000002.history",
                             "000000002.history",
                             "0000000a.history",
                             "00000000.history",
                             "00000002.history.gz",
                             "000000000000000000000001",
                             "00000001000000000000000",
                             "0000000100000000000000011",
                             "00000001000000000000000g",
                             "00000001000000000000000a",
                             "000000010000000000000001.",
                             "000000010000000000000001.part",
                             "000000010000000000000001.partial ",
                             "000000010000000000000001.backup",
                             "000000010000000000000001.0000028.backup",
                             "000000010000000000000001.0000002a.backup",
                             "000000010000000000000001.00000028.partial",
                             "000000010000000000000001/00000028.backup",
                             "pg_wal/000000010000000000000001",
                             "../000000010000000000000001",
                             "RECOVERYHISTORY",
                             "00000001/../../../../etc/"})
        EXPECT_EQ(WalFileName::Parse(name), std::nullopt) << name;
    EXPECT_EQ(WalFileName::Parse(std::string_view("00000002.history\0", 17)), std::nullopt);
}

}  // namespace
}  // namespace agri::base

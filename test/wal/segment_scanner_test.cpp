// The scanner on WAL made for each case, above all on what rarely happens to a server.
#include "wal/segment_scanner.hpp"

#include <gtest/gtest.h>

#include "golden.hpp"
#include "wal_builder.hpp"

namespace agri::wal {
namespace {

using base::Bytes;
using base::Lsn;

TEST(ScanSegment, PlainRecords_CountsThemAndEndsAtTheUnwritten) {
    WalBuilder wal;
    const Lsn first = wal.Filler();
    wal.Filler(300);
    const Lsn last = wal.Filler(20000);  // crosses pages
    const SegmentScan scan = Scan(wal.Segment(0));
    EXPECT_EQ(scan.facts.record_count, 3u);
    EXPECT_EQ(scan.facts.first_record, first);
    EXPECT_EQ(scan.facts.last_record, last);
    EXPECT_EQ(scan.facts.last_record_end, wal.position());
    EXPECT_EQ(scan.end.kind, ScanEndKind::kEndsEarly);
    EXPECT_EQ(scan.end.lsn, wal.position());
    EXPECT_TRUE(scan.end.rest_is_zero);
    EXPECT_EQ(scan.head.state, HeadState::kNone);
    EXPECT_FALSE(scan.tail);
}

TEST(ScanSegment, RecordEndsWithItsPage_NextOneIsFound) {
    WalBuilder wal;
    wal.Filler(8192 - kLongPageHeaderBytes - kRecordHeaderBytes - 5);
    EXPECT_EQ(wal.position().value % 8192, 0u);
    wal.Filler();
    EXPECT_EQ(Scan(wal.Segment(0)).facts.record_count, 2u);
}

TEST(ScanSegment, OtherPageSizes_AreRead) {
    for (uint32_t page : {1024u, 4096u, 65536u}) {
        BuilderOptions options;
        options.page_bytes = page;
        WalBuilder wal(options);
        for (int i = 0; i < 50; ++i) wal.Filler(size_t{37} * i);
        EXPECT_EQ(Scan(wal.Segment(0)).facts.record_count, 50u) << page;
    }
}

TEST(ScanSegment, Version16_ReadsLike15) {
    Bytes segment = golden::ReadFile(15, golden::PathName(15, "first"));
    const SegmentScan as_15 = Scan(segment);
    for (size_t page = 0; page < segment.size(); page += 8192)
        if (base::LoadLe<uint16_t>(segment.data() + page) == *PageMagicOf(15))
            base::StoreLe(segment.data() + page, *PageMagicOf(16));
    const SegmentScan as_16 = Scan(segment);
    EXPECT_EQ(as_16.header.major_version, 16);
    EXPECT_EQ(as_16.facts.record_count, as_15.facts.record_count);
    EXPECT_EQ(as_16.facts.commit_count, as_15.facts.commit_count);
}

TEST(ScanSegment, Switch_EndsTheSegment) {
    WalBuilder wal;
    wal.Filler();
    const Lsn lsn = wal.Switch();
    const SegmentScan scan = Scan(wal.Segment(0));
    EXPECT_EQ(scan.end.kind, ScanEndKind::kSwitched);
    EXPECT_EQ(scan.end.lsn, wal.position());
    EXPECT_EQ(scan.facts.last_record, lsn);
    EXPECT_EQ(scan.facts.last_record_end, wal.position());
}

TEST(ScanSegment, WrongCrc_EndsBeforeThatRecord) {
    WalBuilder wal;
    wal.Filler();
    const Lsn damaged = wal.Filler(100);
    wal.Filler();
    Bytes segment = wal.Segment(0);
    segment[OffsetOf(damaged) + 60] ^= std::byte{1};
    const SegmentScan scan = Scan(segment);
    EXPECT_EQ(scan.facts.record_count, 1u);
    EXPECT_EQ(scan.end.lsn, damaged);
    EXPECT_EQ(scan.end.reason,
              "incorrect resource manager data checksum in record at " + damaged.ToString());
    EXPECT_FALSE(scan.end.rest_is_zero);
}

TEST(ScanSegment, WrongBackLink_EndsBeforeThatRecord) {
    WalBuilder wal;
    wal.Filler();
    wal.set_previous({kSegment});
    const Lsn stray = wal.Filler();
    const SegmentScan scan = Scan(wal.Segment(0));
    EXPECT_EQ(scan.end.lsn, stray);
    EXPECT_EQ(scan.end.reason.rfind("record with incorrect prev-link 0/100000 at ", 0), 0u);
}

TEST(ScanSegment, RecycledPage_EndsAtIt) {
    WalBuilder wal;
    for (int i = 0; i < 20; ++i) wal.Filler(1000);
    Bytes segment = wal.Segment(0);
    base::StoreLe(segment.data() + 8192 + 8, uint64_t{8192});
    const SegmentScan scan = Scan(segment);
    EXPECT_EQ(scan.end.kind, ScanEndKind::kEndsEarly);
    EXPECT_EQ(scan.end.reason, "unexpected pageaddr 0/2000 at 0/302000");
}

TEST(ScanSegment, OlderTimelineBehindANewerOne_EndsThere) {
    WalBuilder wal;
    wal.set_timeline(5);
    for (int i = 0; i < 9; ++i) wal.Filler(1000);
    wal.set_timeline(4);
    for (int i = 0; i < 9; ++i) wal.Filler(1000);
    const SegmentScan scan = Scan(wal.Segment(0));
    EXPECT_EQ(scan.end.reason.rfind("out-of-sequence timeline ID 4 (after 5)", 0), 0u);
    EXPECT_EQ(scan.last_timeline.value, 5u);
}

TEST(ScanSegment, ContinuationLostWithinTheSegment_GoesOnBehindIt) {
    WalBuilder wal;
    const Lsn before = wal.Filler();
    const Lsn lost = wal.Filler(20000);
    wal.CutBack({(lost.value / 8192 + 1) * 8192});
    wal.set_previous(before);
    wal.BeginNextPage(kPageOverwritesRecord);
    Bytes data(16);
    base::StoreLe(data.data(), lost.value);
    const Lsn overwriting = wal.Append(ResourceManager::kXlog, 0xD0, data);
    wal.Filler();
    const SegmentScan scan = Scan(wal.Segment(0));
    EXPECT_EQ(scan.facts.record_count, 3u);
    ASSERT_EQ(scan.facts.overwritten_records.size(), 1u);
    EXPECT_EQ(scan.facts.overwritten_records[0].overwritten, lost);
    EXPECT_EQ(scan.facts.overwritten_records[0].lsn, overwriting);
    EXPECT_EQ(scan.end.lsn, wal.position());
}

TEST(ScanSegment, ShortView_EndsWhereTheBytesEnd) {
    WalBuilder wal;
    for (int i = 0; i < 30; ++i) wal.Filler(1000);
    const Bytes segment = wal.Segment(0);
    uint64_t before = 0;
    for (size_t size = kLongPageHeaderBytes; size < 32768; size += 8) {
        auto scan = ScanSegment(base::ByteView(segment).first(size));
        ASSERT_TRUE(scan);
        EXPECT_EQ(scan->end.kind, ScanEndKind::kEndsEarly);
        EXPECT_GE(scan->facts.record_count, before);
        before = scan->facts.record_count;
    }
    EXPECT_EQ(before, 30u);
}

TEST(ScanSegment, LongerThanASegment_IsRefused) {
    WalBuilder wal;
    Bytes segment = wal.Segment(0);
    segment.resize(segment.size() + 1);
    auto scan = ScanSegment(segment);
    ASSERT_FALSE(scan);
    EXPECT_EQ(scan.error().code, base::ErrorCode::kCorrupt);
}

TEST(ScanSegment, ForeignIdentity_IsAConflict) {
    WalBuilder wal;
    const Bytes segment = wal.Segment(0);
    const SegmentIdentity right{7, {{1}, 3}, kSegment};
    EXPECT_TRUE(ScanSegment(segment, {.identity = right}));
    SegmentIdentity later_timeline = right;
    later_timeline.segment.timeline = {2};
    EXPECT_TRUE(ScanSegment(segment, {.identity = later_timeline}));
    for (SegmentIdentity wrong :
         {SegmentIdentity{8, {{1}, 3}, kSegment}, SegmentIdentity{7, {{1}, 4}, kSegment},
          SegmentIdentity{7, {{1}, 3}, 2 * kSegment}, SegmentIdentity{7, {{0}, 3}, kSegment}}) {
        auto scan = ScanSegment(segment, {.identity = wrong});
        ASSERT_FALSE(scan);
        EXPECT_EQ(scan.error().code, base::ErrorCode::kConflict);
    }
}

}  // namespace
}  // namespace agri::wal

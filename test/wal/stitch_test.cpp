// Stitch() on WAL made for each case: records that cross segments, and segments that do not fit.
#include <gtest/gtest.h>

#include "golden.hpp"
#include "wal_builder.hpp"

namespace agri::wal {
namespace {

using base::Bytes;
using base::Lsn;
using golden::RecordCollector;

// Segments of `wal` scanned and stitched; all results and the joined records.
struct Joined {
    std::vector<SegmentScan> scans;
    std::vector<StitchResult> results;
    RecordCollector records;
    WalFacts facts;
};
Joined Join(const std::vector<Bytes>& segments) {
    Joined joined;
    SegmentCarry carry;
    for (const Bytes& bytes : segments) {
        RecordCollector whole;
        SegmentScan scan = Scan(bytes, &whole);
        joined.results.push_back(Stitch(carry, scan, &joined.records));
        for (auto& line : whole.records) joined.records.records.push_back(line);
        joined.facts.Append(scan.facts);
        joined.scans.push_back(std::move(scan));
    }
    return joined;
}

std::vector<Bytes> AllSegments(const WalBuilder& wal) {
    std::vector<Bytes> segments;
    for (size_t i = 0; i < wal.segment_count(); ++i) segments.push_back(wal.Segment(i));
    return segments;
}

TEST(Stitch, CrossingCommit_CountsWhereItEnds) {
    for (size_t left : {8u, 16u, 24u, 32u}) {
        WalBuilder wal;
        wal.FillSegmentTo(left);
        const Lsn commit = wal.Commit(77, 1'000'000);
        ASSERT_EQ(OffsetOf(commit), kSegment - left);
        wal.Filler();
        const Joined joined = Join(AllSegments(wal));
        ASSERT_EQ(joined.results.size(), 2u);
        EXPECT_EQ(joined.results[1].state, StitchState::kCompleted) << joined.results[1].reason;
        EXPECT_EQ(joined.scans[0].facts.commit_count, 0u);
        EXPECT_EQ(joined.scans[0].end.kind, ScanEndKind::kComplete);
        EXPECT_EQ(joined.scans[1].facts.commit_count, 1u);
        EXPECT_EQ(joined.scans[1].facts.first_record, commit);
        EXPECT_EQ(joined.scans[1].facts.record_count, 2u);
        EXPECT_EQ(joined.scans[1].facts.newest_ended_xid, 77u);
    }
}

TEST(Stitch, SwitchAcrossTheBoundary_TakesTheWholeNextSegment) {
    WalBuilder wal;
    wal.FillSegmentTo(8);
    wal.Switch();
    wal.Filler();
    const Joined joined = Join(AllSegments(wal));
    ASSERT_EQ(joined.results.size(), 3u);
    EXPECT_EQ(joined.results[1].state, StitchState::kCompleted);
    EXPECT_EQ(joined.scans[1].end.kind, ScanEndKind::kSwitched);
    EXPECT_EQ(joined.scans[1].facts.last_record_end, joined.scans[2].header.start);
    EXPECT_EQ(joined.results[2].state, StitchState::kNothing) << joined.results[2].reason;
    EXPECT_EQ(joined.scans[2].facts.record_count, 1u);
}

TEST(Stitch, RecordOverManySegments_IsJoined) {
    WalBuilder wal;
    wal.Filler();
    const Lsn big = wal.Filler(3 * kSegment + 12345);
    wal.Filler();
    const Joined joined = Join(AllSegments(wal));
    ASSERT_EQ(joined.results.size(), 4u);
    EXPECT_EQ(joined.results[1].state, StitchState::kContinues);
    EXPECT_EQ(joined.results[2].state, StitchState::kContinues);
    EXPECT_EQ(joined.results[3].state, StitchState::kCompleted) << joined.results[3].reason;
    ASSERT_EQ(joined.records.records.size(), 3u);
    EXPECT_EQ(joined.records.records[1].start, big.ToString());
}

TEST(Stitch, PredecessorNotAtHand_IsUnknown) {
    WalBuilder wal;
    wal.Filler(kSegment);
    wal.Filler();
    SegmentScan second = Scan(wal.Segment(1));
    EXPECT_EQ(second.head.state, HeadState::kWhole);
    SegmentCarry carry;
    EXPECT_EQ(Stitch(carry, second).state, StitchState::kUnknown);
    EXPECT_EQ(second.facts.record_count, 1u);
    EXPECT_EQ(carry.last_record, second.facts.last_record);
}

TEST(Stitch, SegmentMissing_IsBroken) {
    WalBuilder wal;
    wal.Filler(2 * kSegment);
    const Joined joined = Join({wal.Segment(0), wal.Segment(2)});
    EXPECT_EQ(joined.results[1].state, StitchState::kBroken);
    EXPECT_EQ(joined.results[1].reason,
              "the segment at 0/500000 does not follow: expected 0/400000");
}

TEST(Stitch, DamageInTheSecondHalf_IsBroken) {
    WalBuilder wal;
    wal.Filler(kSegment);
    wal.Filler();
    Bytes second = wal.Segment(1);
    second[100] ^= std::byte{4};
    const Joined joined = Join({wal.Segment(0), second});
    EXPECT_EQ(joined.results[1].state, StitchState::kBroken);
    EXPECT_EQ(joined.results[1].reason.rfind("incorrect resource manager data checksum", 0), 0u);
    EXPECT_EQ(joined.scans[1].facts.record_count, 1u);
}

TEST(Stitch, OtherWalAtTheSameAddress_IsBroken) {
    WalBuilder wal, other;
    // The same bytes but for where the last record of the segment begins.
    for (WalBuilder* each : {&wal, &other}) each->FillSegmentTo(128);
    wal.Filler(48 - 26);
    wal.Filler(80 - 26);
    other.Filler(40 - 26);
    other.Filler(88 - 26);
    for (WalBuilder* each : {&wal, &other}) each->Filler();
    EXPECT_EQ(Join({wal.Segment(0), wal.Segment(1)}).results[1].state, StitchState::kNothing);
    const Joined joined = Join({wal.Segment(0), other.Segment(1)});
    EXPECT_EQ(joined.results[1].state, StitchState::kBroken);
    EXPECT_NE(joined.results[1].reason.find("incorrect prev-link"), std::string::npos);
}

TEST(Stitch, ContinuationAsIfNoneWereExpected_IsBroken) {
    WalBuilder whole, crossing;
    whole.Switch();
    crossing.Filler(kSegment);
    crossing.Filler();
    const Joined joined = Join({whole.Segment(0), crossing.Segment(1)});
    EXPECT_EQ(joined.results[1].state, StitchState::kBroken);
    EXPECT_EQ(joined.results[1].reason, "contrecord is requested by 0/400000");
}

TEST(Stitch, ContinuationLostInsideTheSecondSegment_IsAbandoned) {
    WalBuilder wal;
    const Lsn before = wal.Filler();
    const Lsn lost = wal.Filler(2 * kSegment);
    wal.CutBack({(lost.value / kSegment + 1) * kSegment + 4 * 8192});
    wal.set_previous(before);
    wal.BeginNextPage(kPageOverwritesRecord);
    Bytes data(16);
    base::StoreLe(data.data(), lost.value);
    wal.Append(ResourceManager::kXlog, 0xD0, data);
    const Joined joined = Join({wal.Segment(0), wal.Segment(1)});
    EXPECT_EQ(joined.scans[1].head.state, HeadState::kAbandoned);
    EXPECT_EQ(joined.results[1].state, StitchState::kAbandoned) << joined.results[1].reason;
    ASSERT_EQ(joined.facts.overwritten_records.size(), 1u);
    EXPECT_EQ(joined.facts.overwritten_records[0].overwritten, lost);
    EXPECT_EQ(joined.facts.record_count, 2u);
}

TEST(Stitch, SecondSegmentUnwrittenBehindItsFirstPage_IsBroken) {
    WalBuilder wal;
    wal.Filler(2 * kSegment);
    Bytes second = wal.Segment(1);
    std::fill(second.begin() + 8192, second.end(), std::byte{0});
    const Joined joined = Join({wal.Segment(0), second});
    EXPECT_EQ(joined.scans[1].head.state, HeadState::kBroken);
    EXPECT_EQ(joined.scans[1].end.kind, ScanEndKind::kEndsEarly);
    EXPECT_TRUE(joined.scans[1].end.rest_is_zero);
    EXPECT_EQ(joined.results[1].state, StitchState::kBroken);
    EXPECT_EQ(joined.results[1].reason, "invalid magic number 0000 at 0/402000");
}

TEST(Stitch, ContinuationMissing_IsBroken) {
    WalBuilder crossing, whole;
    crossing.Filler(kSegment);
    whole.Switch();
    whole.Filler();
    const Joined joined = Join({crossing.Segment(0), whole.Segment(1)});
    EXPECT_EQ(joined.results[1].state, StitchState::kBroken);
    EXPECT_EQ(joined.results[1].reason, "there is no contrecord flag at 0/400000");
}

}  // namespace
}  // namespace agri::wal

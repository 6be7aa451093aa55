// What real servers wrote, read by us, against what their own pg_waldump says: every record, block
// reference and fact.
#include <gtest/gtest.h>

#include <algorithm>

#include "golden.hpp"
#include "wal/target_search.hpp"

namespace agri::wal {
namespace {

using golden::Chain;
using golden::ReadChain;
using golden::ReadDump;
using golden::RecordLine;

class GoldenWal : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Versions, GoldenWal, testing::ValuesIn(golden::kVersions));

void ExpectSameRecords(const std::vector<RecordLine>& seen, const std::vector<RecordLine>& dumped) {
    ASSERT_FALSE(dumped.empty());
    for (size_t i = 0; i < std::min(seen.size(), dumped.size()); ++i)
        ASSERT_EQ(seen[i].Key(), dumped[i].Key());
    EXPECT_EQ(seen.size(), dumped.size());
}

bool StartsWith(const std::string& text, const std::string& start) {
    return text.rfind(start, 0) == 0;
}

TEST_P(GoldenWal, Timeline1_AllRecords_AsPgWaldumpShows) {
    ExpectSameRecords(ReadChain(GetParam(), golden::Timeline1(GetParam())).records,
                      ReadDump(GetParam(), "timeline1.txt"));
}

TEST_P(GoldenWal, Timeline2_AllRecords_AsPgWaldumpShows) {
    ExpectSameRecords(ReadChain(GetParam(), golden::Timeline2(GetParam())).records,
                      ReadDump(GetParam(), "timeline2.txt"));
}

TEST_P(GoldenWal, Facts_TransactionEnds_AsPgWaldumpShows) {
    const WalFacts facts = ReadChain(GetParam(), golden::Timeline1(GetParam())).facts;
    std::vector<base::WallTime> commits, ends;
    uint64_t records = 0;
    for (const RecordLine& line : ReadDump(GetParam(), "timeline1.txt")) {
        ++records;
        if (line.manager != "Transaction") continue;
        const bool commit = StartsWith(line.description, "COMMIT");
        if (!commit && !StartsWith(line.description, "ABORT")) continue;
        ends.push_back(golden::DumpedTime(line.description));
        if (commit) commits.push_back(ends.back());
    }
    EXPECT_EQ(facts.record_count, records);
    EXPECT_EQ(facts.commit_count, commits.size());
    EXPECT_EQ(facts.abort_count, ends.size() - commits.size());
    EXPECT_EQ(facts.first_commit_time, commits.front());
    EXPECT_EQ(facts.last_commit_time, commits.back());
    EXPECT_EQ(facts.earliest_end_time, *std::min_element(ends.begin(), ends.end()));
    EXPECT_EQ(facts.latest_end_time, *std::max_element(ends.begin(), ends.end()));
}

TEST_P(GoldenWal, Facts_Checkpoints_AsPgWaldumpShows) {
    const Chain chain = ReadChain(GetParam(), golden::Timeline1(GetParam()));
    std::vector<std::string> dumped, seen;
    for (const RecordLine& line : ReadDump(GetParam(), "timeline1.txt")) {
        const std::string& text = line.description;
        if (!StartsWith(text, "CHECKPOINT_ONLINE") && !StartsWith(text, "CHECKPOINT_SHUTDOWN"))
            continue;
        const std::string xid = golden::Between(text, "; xid 0:", ";");
        dumped.push_back(line.start + " redo " +
                         golden::NormalLsn(golden::Between(text, "redo ", ";")) + " tli " +
                         golden::Between(text, "tli ", ";") + " xid " + xid +
                         (StartsWith(text, "CHECKPOINT_SHUTDOWN") ? " shutdown" : " online"));
    }
    for (const Checkpoint& checkpoint : chain.facts.checkpoints) {
        seen.push_back(fmt::format(
            "{} redo {} tli {} xid {} {}", checkpoint.lsn.ToString(), checkpoint.redo.ToString(),
            checkpoint.timeline.value, checkpoint.next_full_xid,
            checkpoint.kind == CheckpointKind::kShutdown ? "shutdown" : "online"));
    }
    EXPECT_EQ(seen, dumped);
}

TEST_P(GoldenWal, Facts_RestorePoints_EndWhereTheNextRecordBegins) {
    const std::vector<RecordLine> dump = ReadDump(GetParam(), "timeline1.txt");
    std::vector<std::string> dumped, seen;
    for (size_t i = 0; i + 1 < dump.size(); ++i) {
        if (StartsWith(dump[i].description, "RESTORE_POINT "))
            dumped.push_back(dump[i].description.substr(14) + " at " + dump[i + 1].start);
    }
    for (const RestorePoint& point :
         ReadChain(GetParam(), golden::Timeline1(GetParam())).facts.restore_points)
        seen.push_back(point.name + " at " + point.lsn.ToString());
    EXPECT_EQ(seen, dumped);
    EXPECT_EQ(seen.size(), 2u);
}

TEST_P(GoldenWal, Facts_Promotion_IsATimelineSwitch) {
    const WalFacts facts = ReadChain(GetParam(), golden::PathToTimeline2(GetParam())).facts;
    ASSERT_EQ(facts.timeline_switches.size(), 1u);
    EXPECT_EQ(facts.timeline_switches[0].previous.value, 1u);
    EXPECT_EQ(facts.timeline_switches[0].current.value, 2u);
    const std::string history = golden::ReadText(GetParam(), "00000002.history");
    EXPECT_EQ(history.substr(0, history.find('\t', 2)),
              "1\t" + facts.timeline_switches[0].lsn.ToString());
    EXPECT_EQ(facts.restore_points.back().name, "on timeline 2");
}

TEST_P(GoldenWal, Facts_MinimalWalLevel_IsSeenAndLeft) {
    const WalFacts facts = ReadChain(GetParam(), golden::Timeline1(GetParam())).facts;
    EXPECT_TRUE(facts.SawMinimalWalLevel());
    ASSERT_FALSE(facts.wal_levels.empty());
    EXPECT_EQ(facts.wal_levels.back().level, WalLevel::kReplica);
}

TEST_P(GoldenWal, Stitch_LostContinuation_IsAbandoned) {
    const Chain chain = ReadChain(GetParam(), golden::Timeline1(GetParam()));
    ASSERT_EQ(chain.facts.overwritten_records.size(), 1u);
    size_t abandoned = 0;
    for (size_t i = 0; i < chain.scans.size(); ++i) {
        if (chain.stitches[i].state != StitchState::kAbandoned) continue;
        ++abandoned;
        EXPECT_EQ(chain.facts.overwritten_records[0].overwritten, chain.scans[i - 1].tail->start);
        EXPECT_EQ(chain.facts.overwritten_records[0].lsn, chain.scans[i].facts.first_record);
    }
    EXPECT_EQ(abandoned, 1u);
}

TEST_P(GoldenWal, Stitch_RecordAcrossThreeSegments_EndsInTheLast) {
    const Chain chain = ReadChain(GetParam(), golden::Timeline1(GetParam()));
    size_t through = 0;
    for (size_t i = 0; i < chain.scans.size(); ++i) {
        if (chain.stitches[i].state != StitchState::kContinues) continue;
        ++through;
        EXPECT_EQ(chain.scans[i].facts.record_count, 0u);
        EXPECT_EQ(chain.scans[i].head.state, HeadState::kContinues);
        ASSERT_EQ(chain.stitches[i + 1].state, StitchState::kCompleted);
        EXPECT_EQ(chain.scans[i + 1].facts.first_record, chain.scans[i - 1].tail->start);
    }
    EXPECT_EQ(through, 1u);
}

TEST_P(GoldenWal, ScanEnd_EverySegment_TellsHowItEnds) {
    const Chain chain = ReadChain(GetParam(), golden::PathToTimeline2(GetParam()));
    for (size_t i = 0; i < chain.scans.size(); ++i) {
        const ScanEnd& end = chain.scans[i].end;
        EXPECT_NE(chain.stitches[i].state, StitchState::kBroken) << chain.stitches[i].reason;
        if (i + 1 < chain.scans.size()) {
            EXPECT_EQ(end.kind, i == 0 ? ScanEndKind::kSwitched : ScanEndKind::kComplete);
            EXPECT_EQ(end.lsn, chain.scans[i + 1].header.start);
            continue;
        }
        EXPECT_EQ(end.kind, ScanEndKind::kEndsEarly);
        EXPECT_EQ(end.lsn, chain.facts.last_record_end);
        EXPECT_TRUE(StartsWith(end.reason, "invalid record length at ")) << end.reason;
    }
}

TEST_P(GoldenWal, ScanEnd_UnwrittenRest_IsToldFromLeftovers) {
    const Chain old_timeline = ReadChain(GetParam(), golden::Timeline1(GetParam()));
    EXPECT_TRUE(old_timeline.scans.back().end.rest_is_zero);
    // The server fills up a new timeline's copy with whatever its copying buffer held last.
    const Chain new_timeline = ReadChain(GetParam(), golden::Timeline2(GetParam()));
    EXPECT_FALSE(new_timeline.scans.back().end.rest_is_zero);
}

TEST_P(GoldenWal, XidFinder_EveryTransactionEnd_IsFound) {
    const std::vector<std::string> segments = golden::Timeline1(GetParam());
    size_t found = 0;
    for (const RecordLine& line : ReadDump(GetParam(), "timeline1.txt")) {
        if (line.manager != "Transaction" || StartsWith(line.description, "PREPARE")) continue;
        const bool prepared = line.description.find("_PREPARED ") != std::string::npos;
        const uint32_t xid =
            prepared ? std::stoul(golden::Between(line.description, "_PREPARED ", ":")) : line.xid;
        XidFinder finder(xid);
        SegmentCarry carry;
        for (const std::string& name : segments) {
            ScanOptions options;
            options.visitor = &finder;
            auto scan = ScanSegment(golden::ReadFile(GetParam(), name), options);
            ASSERT_TRUE(scan);
            if (finder.found()) break;
            Stitch(carry, *scan, &finder);
        }
        ASSERT_TRUE(finder.found()) << line.description;
        EXPECT_EQ(finder.found()->start.ToString(), line.start);
        EXPECT_EQ(finder.found()->time, golden::DumpedTime(line.description));
        ++found;
    }
    EXPECT_GT(found, 10u);
}

}  // namespace
}  // namespace agri::wal

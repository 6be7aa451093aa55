// Golden WAL of real servers (data/MAJOR, written by make_golden.sh) and what their own pg_waldump
// and pg_controldata say of it. Read once, never written.
#pragma once

#include <gtest/gtest.h>
#include <zstd.h>

#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/lsn.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::wal::golden {

inline constexpr uint64_t kSegmentBytes = 1u << 20;
// There is no server of 16 in Debian: its WAL differs from 15's in nothing that this layer looks at
// but the page magic, so tests that need it patch that (segment_scanner_test.cpp).
inline constexpr int kVersions[] = {15, 17, 18};

// A file of that version: FILE itself, or FILE.zst unpacked. Fails the test when it is missing.
inline base::Bytes ReadFile(int version, const std::string& file) {
    const std::string folder = std::string(__FILE__).substr(0, std::string(__FILE__).rfind('/'));
    const std::string path = folder + "/data/" + std::to_string(version) + "/" + file;
    if (auto plain = base::ReadWholeFile(path, 16 << 20)) return *plain;
    auto packed = base::ReadWholeFile(path + ".zst", 16 << 20);
    EXPECT_TRUE(packed) << path;
    if (!packed) return {};
    base::Bytes bytes(ZSTD_getFrameContentSize(packed->data(), packed->size()));
    const size_t size = ZSTD_decompress(bytes.data(), bytes.size(), packed->data(), packed->size());
    EXPECT_EQ(size, bytes.size()) << path;
    return bytes;
}

inline std::string ReadText(int version, const std::string& file) {
    return std::string(base::AsText(ReadFile(version, file)));
}

// A word of path.txt: the file names "first", "switch" and "last".
inline std::string PathName(int version, const std::string& key) {
    std::istringstream words(ReadText(version, "path.txt"));
    std::string word, name;
    while (words >> word >> name)
        if (word == key) return name;
    ADD_FAILURE() << "no " << key << " in path.txt";
    return {};
}

inline std::vector<std::string> SegmentsFrom(const std::string& first, uint64_t last_number) {
    std::vector<std::string> names;
    auto segment = *base::SegmentId::Parse(first, kSegmentBytes);
    for (; segment.number <= last_number; ++segment.number)
        names.push_back(segment.FileName(kSegmentBytes));
    return names;
}

inline uint64_t NumberOf(const std::string& name) {
    return base::SegmentId::Parse(name, kSegmentBytes)->number;
}

// Timeline 1, up to its own copy of the segment in which timeline 2 begins.
inline std::vector<std::string> Timeline1(int version) {
    return SegmentsFrom(PathName(version, "first"), NumberOf(PathName(version, "switch")));
}
// Timeline 2 from where it begins.
inline std::vector<std::string> Timeline2(int version) {
    return SegmentsFrom(PathName(version, "switch"), NumberOf(PathName(version, "last")));
}
// What recovery to timeline 2 reads: timeline 1 before the segment of the switch, then timeline 2.
inline std::vector<std::string> PathToTimeline2(int version) {
    std::vector<std::string> names = Timeline1(version);
    names.pop_back();
    for (const std::string& name : Timeline2(version)) names.push_back(name);
    return names;
}

// A record as a line of pg_waldump shows it, or as our reader saw it (then without a description).
struct RecordLine {
    std::string start;
    std::string previous;
    uint32_t total_bytes = 0;
    uint32_t xid = 0;
    std::string manager;
    std::vector<std::string> blocks;  // "1663/5/1249/fsm/1"
    std::string description;

    // What both sides know.
    std::string Key() const {
        std::string key = start + " prev " + previous + " len " + std::to_string(total_bytes) +
                          " tx " + std::to_string(xid) + " " + manager;
        for (const std::string& block : blocks) key += " " + block;
        return key;
    }
};

inline std::string Between(const std::string& line, const std::string& before,
                           const std::string& after) {
    const size_t from = line.find(before);
    if (from == std::string::npos) return {};
    const size_t start = from + before.size();
    return line.substr(start, line.find(after, start) - start);
}

// "0/0091CE58" as Lsn prints it.
inline std::string NormalLsn(const std::string& text) { return base::Lsn::Parse(text)->ToString(); }

inline std::vector<std::string> DumpedBlocks(std::string line) {
    std::vector<std::string> blocks;
    size_t at = 0;
    while ((at = line.find("blkref #", at)) != std::string::npos) {
        std::istringstream words(line.substr(line.find("rel ", at) + 4));
        std::string relation, word, fork = "main";
        words >> relation >> word;
        if (word == "fork") words >> fork >> word;
        words >> word;
        if (word.back() == ',') word.pop_back();
        blocks.push_back(relation + "/" + fork + "/" + word);
        ++at;
    }
    return blocks;
}

// The lines of a dump ("timeline1.txt" or "timeline2.txt"), in order.
inline std::vector<RecordLine> ReadDump(int version, const std::string& file) {
    std::vector<RecordLine> records;
    std::istringstream text(ReadText(version, file));
    for (std::string line; std::getline(text, line);) {
        if (line.rfind("rmgr: ", 0) != 0) continue;
        RecordLine record;
        record.manager = Between(line, "rmgr: ", " ");
        const std::string lengths = Between(line, "len (rec/tot): ", ", tx:");
        record.total_bytes = std::stoul(lengths.substr(lengths.find('/') + 1));
        record.xid = std::stoul(Between(line, "tx:", ","));
        record.start = NormalLsn(Between(line, "lsn: ", ","));
        record.previous = NormalLsn(Between(line, "prev ", ","));
        record.description = Between(line, "desc: ", "\n");
        record.blocks = DumpedBlocks(line);
        records.push_back(record);
    }
    return records;
}

inline std::string ManagerName(ResourceManager manager) {
    static const char* const kNames[] = {
        "XLOG",       "Transaction",   "Storage", "CLOG",     "Database",
        "Tablespace", "MultiXact",     "RelMap",  "Standby",  "Heap2",
        "Heap",       "Btree",         "Hash",    "Gin",      "Gist",
        "Sequence",   "SPGist",        "BRIN",    "CommitTs", "ReplicationOrigin",
        "Generic",    "LogicalMessage"};
    const auto number = static_cast<size_t>(manager);
    return number < std::size(kNames) ? kNames[number] : "custom" + std::to_string(number);
}

inline std::string BlockName(const BlockReference& block) {
    static const char* const kForks[] = {"main", "fsm", "vm", "init"};
    return fmt::format("{}/{}/{}/{}/{}", block.file.tablespace, block.file.database,
                       block.file.relation, kForks[static_cast<int>(block.fork) & 3], block.block);
}

// Notes every record as a line.
class RecordCollector : public RecordVisitor {
   public:
    bool Wants(const RecordHeader&) const override { return true; }
    void Visit(const Record& record) override {
        RecordLine line;
        line.start = record.start.ToString();
        line.previous = record.header.previous.ToString();
        line.total_bytes = record.header.total_bytes;
        line.xid = record.header.xid;
        line.manager = ManagerName(record.header.manager);
        for (uint32_t i = 0; i < record.block_count; ++i)
            line.blocks.push_back(BlockName(record.blocks[i]));
        records.push_back(line);
    }
    std::vector<RecordLine> records;
};

// A run of segments, scanned each on its own and then stitched.
struct Chain {
    std::vector<SegmentScan> scans;
    std::vector<StitchResult> stitches;
    std::vector<RecordLine> records;  // of all segments, in WAL order
    WalFacts facts;                   // of all segments
};

inline Chain ReadChain(int version, const std::vector<std::string>& segments) {
    Chain chain;
    SegmentCarry carry;
    for (const std::string& name : segments) {
        const base::Bytes bytes = ReadFile(version, name);
        RecordCollector whole, crossing;
        ScanOptions options;
        options.visitor = &whole;
        auto scan = ScanSegment(bytes, options);
        EXPECT_TRUE(scan) << name << ": " << scan.error().ToString();
        if (!scan) return chain;
        chain.stitches.push_back(Stitch(carry, *scan, &crossing));
        for (const RecordCollector* part : {&crossing, &whole})
            chain.records.insert(chain.records.end(), part->records.begin(), part->records.end());
        chain.facts.Append(scan->facts);
        chain.scans.push_back(std::move(*scan));
    }
    return chain;
}

// The first "2026-11-22 20:59:41.590469 UTC" in a description.
inline base::WallTime DumpedTime(const std::string& description) {
    const size_t at = description.find("202");
    auto time = base::ParseTimeWithOffset(description.substr(at, 26) + "Z");
    EXPECT_TRUE(time) << description;
    return time.value_or(base::WallTime());
}

}  // namespace agri::wal::golden

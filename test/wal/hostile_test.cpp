// Damaged and hostile WAL: whatever the bytes, reading ends with a reason and stays in bounds (the
// sanitizers watch), and no damage inside a record goes unseen.
#include <gtest/gtest.h>

#include <random>

#include "golden.hpp"
#include "wal/changed_blocks.hpp"
#include "wal_builder.hpp"

namespace agri::wal {
namespace {

using base::Bytes;

// Everything the layer can do with two neighbouring segments.
void ReadAll(base::ByteView first, base::ByteView second) {
    SegmentCarry carry;
    for (base::ByteView bytes : {first, second}) {
        ChangedBlocks changed, crossing;
        auto scan = ScanSegment(bytes, {.visitor = &changed});
        if (!scan) continue;
        Stitch(carry, *scan, &crossing);
    }
}

constexpr uint32_t kPage = 1024;

// A little of everything on small pages; only those pages, to make a scan of it cheap.
Bytes Small() {
    BuilderOptions options;
    options.page_bytes = kPage;
    WalBuilder wal(options);
    wal.Commit(10, 1000);
    wal.Filler(300);
    wal.Append(ResourceManager::kStorage, 0x20, Bytes(20));
    wal.Filler(1500);
    wal.Commit(11, 2000);
    wal.Switch();
    Bytes segment = wal.Segment(0);
    segment.resize(size_t{4} * kPage);
    return segment;
}

TEST(HostileWal, EveryBitFlipped_IsNoticedInsideRecords) {
    const Bytes good = Small();
    golden::RecordCollector records;
    auto expected = ScanSegment(good, {.visitor = &records});
    ASSERT_TRUE(expected);
    ASSERT_EQ(expected->end.kind, ScanEndKind::kSwitched);
    const size_t used = expected->facts.last_record.value % kMinSegmentBytes + kRecordHeaderBytes;
    std::vector<bool> is_covered(used);  // bytes of records that lie within a page
    for (const golden::RecordLine& line : records.records) {
        const size_t at = base::Lsn::Parse(line.start)->value % kMinSegmentBytes;
        if (at % kPage + line.total_bytes > kPage) continue;
        std::fill_n(is_covered.begin() + static_cast<ptrdiff_t>(at), line.total_bytes, true);
    }
    for (size_t bit = 0; bit < used * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        auto scan = ScanSegment(bad);
        if (!is_covered[bit / 8]) continue;
        ASSERT_TRUE(scan);
        EXPECT_EQ(scan->end.kind, ScanEndKind::kEndsEarly) << bit;
    }
}

TEST(HostileWal, EveryLength_NeverCrashes) {
    const Bytes good = Small();
    for (size_t size = 0; size < good.size(); ++size) {
        const Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
        auto scan = ScanSegment(cut);
        EXPECT_EQ(scan.has_value(), size >= kLongPageHeaderBytes);
    }
}

TEST(HostileWal, RandomDamageToRealWal_NeverCrashes) {
    std::mt19937 random(42);
    for (int version : golden::kVersions) {
        const std::vector<std::string> names = golden::PathToTimeline2(version);
        std::vector<Bytes> segments;
        for (const std::string& name : names) segments.push_back(golden::ReadFile(version, name));
        for (int round = 0; round < 60; ++round) {
            const size_t at = random() % (segments.size() - 1);
            Bytes first = segments[at], second = segments[at + 1];
            for (Bytes* each : {&first, &second}) {
                // Near the start, where every segment has something.
                for (int i = 0; i < 4; ++i)
                    (*each)[random() % (i < 2 ? 64 : 65536)] = static_cast<std::byte>(random());
            }
            ReadAll(first, second);
            ReadAll(second, first);
        }
    }
}

// Records that are valid by their CRC but whose content is random.
TEST(HostileWal, RandomRecordsWithRightCrc_NeverCrash) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        WalBuilder wal;
        for (int i = 0; i < 20; ++i) {
            Bytes body(random() % 80);
            for (std::byte& byte : body)
                byte = static_cast<std::byte>(random() % 4 ? random() % 6 : random());
            const auto manager = static_cast<ResourceManager>(random() % 6);
            const auto info = static_cast<uint8_t>(random() % 16 << 4);
            if (manager == ResourceManager::kXlog && info == 0x40) continue;
            if (i % 2 == 0)
                wal.AppendBody(manager, info, body);
            else
                wal.Append(manager, info, body);
        }
        const Bytes segment = wal.Segment(0);
        // Skips what does not decode by cutting the scan there: each prefix is a case of its own.
        ReadAll(base::ByteView(segment).first(8192), base::ByteView(segment).first(8192));
    }
}

TEST(HostileWal, HugeLengths_AllocateNothing) {
    WalBuilder wal;
    const base::Lsn lsn = wal.Filler();
    Bytes segment = wal.Segment(0);
    for (uint32_t length : {UINT32_MAX, kMaxRecordBytes + 1, kMaxRecordBytes, 8192u * 2}) {
        base::StoreLe(segment.data() + lsn.value % kMinSegmentBytes, length);
        auto scan = ScanSegment(segment);
        ASSERT_TRUE(scan);
        EXPECT_EQ(scan->end.kind, ScanEndKind::kEndsEarly);
        EXPECT_FALSE(scan->tail);
    }
}

}  // namespace
}  // namespace agri::wal

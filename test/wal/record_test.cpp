// The record decoder on records that are right and on records that lie.
#include "wal/record.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace agri::wal {
namespace {

using base::Bytes;

// A record of a header and these bytes; the CRC is not looked at by the decoder.
Bytes MakeRecord(std::initializer_list<int> body) {
    Bytes record(kRecordHeaderBytes);
    for (int byte : body) record.push_back(static_cast<std::byte>(byte));
    base::StoreLe(record.data(), static_cast<uint32_t>(record.size()));
    return record;
}

// Block 0: data of 2 bytes, image of 3 without a hole, relation 1/2/3, block 9. Block 1: the same
// relation's visibility map, block 4. Then 4 bytes of main data.
Bytes FullRecord() {
    return MakeRecord({0,   0x30, 2,   0,   3,   0, 0, 0, 2,  // header, image header
                       1,   0,    0,   0,   2,   0, 0, 0, 3,   0,
                       0,   0,    9,   0,   0,   0,                // relation, block
                       1,   0x82, 0,   0,   4,   0, 0, 0,          // same relation, VM
                       253, 7,    0,   252, 5,   0, 0, 0, 255, 4,  // origin, xid, data
                       0xA, 0xB,  0xC, 0xD, 0xE, 1, 2, 3, 4});
}

TEST(DecodeRecord, AllParts_AreFound) {
    const Bytes bytes = FullRecord();
    Record record;
    auto status = DecodeRecord(bytes, record);
    ASSERT_TRUE(status) << status.error().ToString();
    ASSERT_EQ(record.block_count, 2u);
    EXPECT_EQ(record.blocks[0].file, (RelationFile{1, 2, 3}));
    EXPECT_EQ(record.blocks[0].block, 9u);
    EXPECT_EQ(record.blocks[0].fork, Fork::kMain);
    EXPECT_EQ(base::ToHex(record.blocks[0].image), "0a0b0c");
    EXPECT_EQ(base::ToHex(record.blocks[0].data), "0d0e");
    EXPECT_EQ(record.blocks[1].file, (RelationFile{1, 2, 3}));
    EXPECT_EQ(record.blocks[1].fork, Fork::kVisibilityMap);
    EXPECT_EQ(record.blocks[1].block, 4u);
    EXPECT_EQ(record.origin, 7u);
    EXPECT_EQ(record.top_level_xid, 5u);
    EXPECT_EQ(base::ToHex(record.main_data), "01020304");
}

TEST(DecodeRecord, NothingButAHeader_IsValid) {
    Record record;
    EXPECT_TRUE(DecodeRecord(MakeRecord({}), record));
    EXPECT_EQ(record.block_count, 0u);
    EXPECT_TRUE(record.main_data.empty());
}

TEST(DecodeRecord, CutAnywhere_StaysInBounds) {
    const Bytes full = FullRecord();
    for (size_t size = 0; size < full.size(); ++size) {
        // On the heap and exactly sized, so that a read behind it is seen by the sanitizer.
        Bytes cut(full.begin(), full.begin() + static_cast<ptrdiff_t>(size));
        if (size >= 4) base::StoreLe(cut.data(), static_cast<uint32_t>(size));
        Record record;
        // A few cuts make another valid record: then its parts add up.
        if (!DecodeRecord(cut, record)) continue;
        size_t payload = record.main_data.size();
        for (uint32_t i = 0; i < record.block_count; ++i)
            payload += record.blocks[i].image.size() + record.blocks[i].data.size();
        EXPECT_LE(payload, size - kRecordHeaderBytes);
    }
}

TEST(DecodeRecord, Lies_AreErrors) {
    struct Case {
        const char* what;
        Bytes record;
    };
    const Case cases[] = {
        {"first block of the same relation", MakeRecord({0, 0x80, 0, 0, 4, 0, 0, 0})},
        {"blocks out of order", MakeRecord({1, 0, 0, 0, 1, 0, 0, 0,    1, 0, 0, 0, 1, 0,
                                            0, 0, 1, 0, 0, 0, 0, 0x80, 0, 0, 1, 0, 0, 0})},
        {"block id too large", MakeRecord({33, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0})},
        {"data flag without data",
         MakeRecord({0, 0x20, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0})},
        {"data longer than the record", MakeRecord({254, 255, 255, 255, 255, 1})},
        {"data shorter than the rest", MakeRecord({255, 1, 1, 1})},
        {"trailing byte", MakeRecord({255})},
    };
    for (const Case& each : cases) {
        Record record;
        auto status = DecodeRecord(each.record, record);
        ASSERT_FALSE(status) << each.what;
        EXPECT_EQ(status.error().code, base::ErrorCode::kCorrupt);
    }
}

TEST(DecodeRecord, LengthDiffersFromTheView_IsAnError) {
    Bytes bytes = FullRecord();
    bytes.push_back(std::byte{0});
    Record record;
    EXPECT_FALSE(DecodeRecord(bytes, record));
    EXPECT_FALSE(DecodeRecord(base::ByteView(bytes).first(10), record));
    EXPECT_FALSE(RecordCrcMatches(base::ByteView(bytes).first(10)));
}

}  // namespace
}  // namespace agri::wal

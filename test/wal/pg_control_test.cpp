// Control files of real servers, field by field against pg_controldata, and damaged ones.
#include "wal/pg_control.hpp"

#include <gtest/gtest.h>

#include "codec/digest.hpp"
#include "golden.hpp"

namespace agri::wal {
namespace {

using base::Bytes;
using base::ErrorCode;

size_t CrcOffset(int version) { return version >= 18 ? 292 : 288; }

Bytes Golden(int version) { return golden::ReadFile(version, "pg_control"); }

// `file` with the value at `offset`, and a CRC that matches it.
template <class T>
base::Result<ControlFile> ParseWith(int version, size_t offset, T value) {
    Bytes file = Golden(version);
    base::StoreLe(file.data() + offset, value);
    const size_t crc_offset = CrcOffset(version);
    base::StoreLe(file.data() + crc_offset,
                  codec::Crc32c(0, base::ByteView(file).first(crc_offset)));
    return ParseControlFile(file);
}

class ControlFileOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Versions, ControlFileOf, testing::ValuesIn(golden::kVersions));

TEST_P(ControlFileOf, ServersFile_EveryField_AsPgControldataShows) {
    auto control = ParseControlFile(Golden(GetParam()));
    ASSERT_TRUE(control) << control.error().ToString();
    const std::string dump = golden::ReadText(GetParam(), "pg_controldata.txt");
    const auto expect = [&](const std::string& label, const std::string& value) {
        std::string shown = golden::Between(dump, label + ":", "\n");
        shown.erase(0, shown.find_first_not_of(' '));
        EXPECT_EQ(value, shown) << label;
    };
    const auto number = [](auto value) { return std::to_string(value); };
    const auto flag = [](bool value) { return std::string(value ? "on" : "off"); };
    EXPECT_EQ(control->major_version, GetParam());
    expect("pg_control version number", number(control->pg_control_version));
    expect("Catalog version number", number(control->catalog_version));
    expect("Database system identifier", number(control->system_identifier));
    expect("Database cluster state", std::string(ClusterStateName(control->state)));
    expect("Latest checkpoint location", control->checkpoint.ToString());
    expect("Latest checkpoint's REDO location", control->redo.ToString());
    expect("Latest checkpoint's TimeLineID", number(control->timeline.value));
    expect("Latest checkpoint's PrevTimeLineID", number(control->previous_timeline.value));
    expect("Latest checkpoint's full_page_writes", flag(control->full_page_writes));
    expect("Latest checkpoint's NextXID", "0:" + number(control->next_full_xid));
    expect("Latest checkpoint's NextOID", number(control->next_oid));
    expect("Latest checkpoint's NextMultiXactId", number(control->next_multixact));
    expect("Latest checkpoint's NextMultiOffset", number(control->next_multixact_offset));
    expect("Latest checkpoint's oldestXID", number(control->oldest_xid));
    expect("Latest checkpoint's oldestMultiXid", number(control->oldest_multixact));
    expect("Minimum recovery ending location", control->min_recovery_point.ToString());
    expect("Min recovery ending loc's timeline", number(control->min_recovery_timeline.value));
    expect("Backup start location", control->backup_start.ToString());
    expect("Backup end location", control->backup_end.ToString());
    expect("End-of-backup record required", control->backup_end_required ? "yes" : "no");
    expect("wal_level setting", "replica");
    EXPECT_EQ(control->wal_level, WalLevel::kReplica);
    expect("wal_log_hints setting", flag(control->wal_log_hints));
    expect("max_connections setting", number(control->max_connections));
    expect("max_worker_processes setting", number(control->max_worker_processes));
    expect("max_wal_senders setting", number(control->max_wal_senders));
    expect("max_prepared_xacts setting", number(control->max_prepared_transactions));
    expect("max_locks_per_xact setting", number(control->max_locks_per_transaction));
    expect("track_commit_timestamp setting", flag(control->track_commit_timestamp));
    expect("Maximum data alignment", number(control->max_align));
    expect("Database block size", number(control->block_size_bytes));
    expect("Blocks per segment of large relation", number(control->blocks_per_relation_segment));
    expect("WAL block size", number(control->wal_block_size_bytes));
    expect("Bytes per WAL segment", number(control->wal_segment_size_bytes));
    expect("Maximum length of identifiers", number(control->name_data_bytes));
    expect("Maximum columns in an index", number(control->index_max_keys));
    expect("Data page checksum version", number(control->data_checksum_version));
    EXPECT_TRUE(control->HasDataChecksums());
    EXPECT_GE(control->time, control->checkpoint_time);
}

TEST_P(ControlFileOf, AnyBitFlipped_IsAnError) {
    const size_t used = CrcOffset(GetParam()) + 4;
    for (size_t bit = 0; bit < used * 8; ++bit) {
        Bytes file = Golden(GetParam());
        file[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_FALSE(ParseControlFile(file)) << bit;
    }
}

TEST_P(ControlFileOf, CutShort_IsAnError) {
    const Bytes file = Golden(GetParam());
    for (size_t size = 0; size < CrcOffset(GetParam()) + 4; ++size) {
        const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
        auto control = ParseControlFile(cut);
        ASSERT_FALSE(control);
        EXPECT_EQ(control.error().code, ErrorCode::kCorrupt);
    }
}

TEST(ControlFile, Version16_IsToldByItsCatalog) {
    auto control = ParseWith<uint32_t>(15, 12, 202307071);
    ASSERT_TRUE(control);
    EXPECT_EQ(control->major_version, 16);
}

TEST(ControlFile, OtherVersions_AreUnsupported) {
    // 14 has the same pg_control version as 15 and 16.
    auto of_14 = ParseWith<uint32_t>(15, 12, 202107181);
    ASSERT_FALSE(of_14);
    EXPECT_EQ(of_14.error().code, ErrorCode::kUnsupported);
    auto newer = ParseWith<uint32_t>(18, 8, 1900);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(newer.error().message.find("version 1900"), std::string::npos);
    auto swapped = ParseWith<uint32_t>(18, 8, __builtin_bswap32(1800));
    ASSERT_FALSE(swapped);
    EXPECT_NE(swapped.error().message.find("byte order"), std::string::npos);
}

TEST(ControlFile, ImpossibleFields_AreErrors) {
    EXPECT_FALSE(ParseWith<uint64_t>(17, 0, 0));
    EXPECT_FALSE(ParseWith<uint32_t>(17, 48, 0));
    EXPECT_FALSE(ParseWith<uint32_t>(17, 204, 4));
    EXPECT_FALSE(ParseWith<uint64_t>(17, 208, 1));
    EXPECT_FALSE(ParseWith<uint32_t>(17, 216, 8191));
    EXPECT_FALSE(ParseWith<uint32_t>(17, 220, 0));
    EXPECT_FALSE(ParseWith<uint32_t>(17, 224, 0));
    EXPECT_FALSE(ParseWith<uint32_t>(17, 228, 3 << 20));
    EXPECT_EQ(ClusterStateName(static_cast<ClusterState>(77)), "unrecognized status code");
}

}  // namespace
}  // namespace agri::wal

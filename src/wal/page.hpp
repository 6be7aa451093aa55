// WAL page headers (XLogPageHeaderData and XLogLongPageHeaderData of PostgreSQL's
// src/include/access/xlog_internal.h), re-stated here because this layer is built without the
// server's headers. A header is never believed before every field was checked; nothing reads past
// the view it is given.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/lsn.hpp"

namespace agri::wal {

// XLogPageHeaderSize(): every page starts with a short header, the first of a segment with a long.
inline constexpr uint32_t kShortPageHeaderBytes = 24;
inline constexpr uint32_t kLongPageHeaderBytes = 40;
// Bounds of wal_segment_size (IsValidWalSegSize) and of XLOG_BLCKSZ (configure
// --with-wal-blocksize).
inline constexpr uint32_t kMinSegmentBytes = 1u << 20;
inline constexpr uint32_t kMaxSegmentBytes = 1u << 30;
inline constexpr uint32_t kMinPageBytes = 1u << 10;
inline constexpr uint32_t kMaxPageBytes = 1u << 16;

// Flags of xlp_info.
enum PageFlag : uint16_t {
    kPageContinuesRecord = 0x0001,   // XLP_FIRST_IS_CONTRECORD
    kPageHasLongHeader = 0x0002,     // XLP_LONG_HEADER
    kPageBackupRemovable = 0x0004,   // XLP_BKP_REMOVABLE
    kPageOverwritesRecord = 0x0008,  // XLP_FIRST_IS_OVERWRITE_CONTRECORD
    kPageAllFlags = 0x000F,          // XLP_ALL_FLAGS
};

// XLOG_PAGE_MAGIC of a supported major version (15 to 18) and back; nullopt for any other.
std::optional<uint16_t> PageMagicOf(int major_version);
std::optional<int> MajorVersionOfPageMagic(uint16_t magic);

// The fields that every page has.
struct PageHeader {
    uint16_t magic = 0;
    uint16_t flags = 0;
    base::TimelineId timeline;  // of the page's first record, so it may lag behind the file's name
    base::Lsn address;          // of the page's first byte
    uint32_t remaining_bytes = 0;  // of the record that continues here; 0 when none does
};

// Loads the fields without judging them. `page` holds at least kShortPageHeaderBytes.
PageHeader LoadPageHeader(base::ByteView page);

// What a segment's first page says of the whole file.
struct SegmentHeader {
    int major_version = 0;
    uint16_t magic = 0;
    uint64_t system_identifier = 0;
    // Timeline of the first page. A segment in which a timeline begins was copied from its parent
    // timeline up to the switch, so this can be lower than the timeline in the file's name.
    base::TimelineId timeline;
    base::Lsn start;
    uint32_t segment_size_bytes = 0;
    uint32_t page_size_bytes = 0;
    // The first bytes complete a record that begins in an earlier segment (kPageContinuesRecord).
    bool continues_record = false;
    // The record that an earlier segment left unfinished was given up by crash recovery
    // (kPageOverwritesRecord): the first record here is XLOG_OVERWRITE_CONTRECORD.
    bool overwrites_record = false;
    // Bytes of the continued record from here to its end, in this and later segments.
    uint32_t remaining_bytes = 0;
};

// Parses and validates the start of a WAL segment; only the first kLongPageHeaderBytes are read.
// kCorrupt when it is no WAL page or contradicts itself, kUnsupported for another major version's
// magic. The message names the field that is wrong.
base::Result<SegmentHeader> ReadSegmentHeader(base::ByteView first_page);

// What the caller knows of a file from its name and its cluster.
struct SegmentIdentity {
    uint64_t system_identifier = 0;  // 0: not checked
    base::SegmentId segment;
    uint64_t segment_size_bytes = 0;
};

// kConflict when the header belongs to another cluster, segment number, segment size or to a later
// timeline than the file's name says.
base::Status CheckSegmentIdentity(const SegmentHeader& header, const SegmentIdentity& expected);

}  // namespace agri::wal

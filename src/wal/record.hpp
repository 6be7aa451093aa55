// WAL records (XLogRecord and its block headers, PostgreSQL's src/include/access/xlogrecord.h): the
// fixed header, the CRC and a bounds-checked decoder for block references and main data. Input may
// be hostile: a record that lies about its lengths is an error, never a read out of bounds.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/lsn.hpp"

namespace agri::wal {

// SizeOfXLogRecord, XLR_MAX_BLOCK_ID + 1, and XLogRecordMaxSize of 16+ (15 has no such limit, but
// palloc's 1 GB bounds it).
inline constexpr uint32_t kRecordHeaderBytes = 24;
inline constexpr size_t kRecordCrcOffset = 20;  // of xl_crc, the header's last field
inline constexpr size_t kMaxBlockReferences = 33;
inline constexpr uint32_t kMaxRecordBytes = 1020u << 20;

// Built-in resource managers that this layer looks at (src/include/access/rmgrlist.h; the numbers
// are the same in 15 to 18). Others, extensions' (128 and up) included, pass through by number.
enum class ResourceManager : uint8_t {
    kXlog = 0,
    kTransaction = 1,
    kStorage = 2,
    kDatabase = 4,
    kTablespace = 5,
    kRelationMap = 7,
};

// ForkNumber of src/include/common/relpath.h.
enum class Fork : uint8_t { kMain = 0, kFreeSpaceMap = 1, kVisibilityMap = 2, kInit = 3 };

// RelFileNode (15) or RelFileLocator (16+): what names a relation's files.
struct RelationFile {
    uint32_t tablespace = 0;
    uint32_t database = 0;  // 0: a shared catalog
    uint32_t relation = 0;

    auto operator<=>(const RelationFile&) const = default;
};

// The fixed part of a record.
struct RecordHeader {
    uint32_t total_bytes = 0;  // header included, alignment and page headers not
    uint32_t xid = 0;
    base::Lsn previous;  // start of the record before
    uint8_t info = 0;    // the high 4 bits belong to the resource manager
    ResourceManager manager = ResourceManager::kXlog;
    uint32_t crc = 0;
};

struct BlockReference {
    uint8_t id = 0;
    Fork fork = Fork::kMain;
    RelationFile file;
    uint32_t block = 0;
    base::ByteView image;  // full-page image as stored (maybe compressed, hole left out), or empty
    base::ByteView data;   // the resource manager's bytes for this block, or empty
};

// A decoded record. The views point into the bytes that were decoded and live as long as they do.
struct Record {
    base::Lsn start;
    base::Lsn end;  // where the next record may begin: what pg_create_restore_point() returns
    RecordHeader header;
    base::TimelineId timeline;  // of the last page it lies on
    int major_version = 0;
    uint32_t block_count = 0;
    std::array<BlockReference, kMaxBlockReferences> blocks;  // the first block_count are set
    uint16_t origin = 0;                                     // replication origin, or 0
    uint32_t top_level_xid = 0;  // set by logical decoding's assignment, or 0
    base::ByteView main_data;
};

// Loads the fixed header without judging it. `bytes` holds at least kRecordHeaderBytes.
RecordHeader LoadRecordHeader(base::ByteView bytes);

// CRC-32C over a whole contiguous record, as PostgreSQL computes it: the body first, then the
// header up to xl_crc. `record` holds exactly header.total_bytes.
bool RecordCrcMatches(base::ByteView record);

// Splits a whole contiguous record (page headers stripped; CRC already checked) into `out`, whose
// start, end, timeline and major_version the caller sets. kCorrupt when lengths contradict each
// other. Does not allocate on success.
base::Status DecodeRecord(base::ByteView record, Record& out);

// Sees records in WAL order, each only after its CRC matched. Called on the scanning thread.
class RecordVisitor {
   public:
    virtual ~RecordVisitor() = default;
    // Whether Visit() shall be called for it; asked for every record, so it must be cheap.
    virtual bool Wants(const RecordHeader& header) const = 0;
    // `record` and its views are valid during the call only.
    virtual void Visit(const Record& record) = 0;
};

}  // namespace agri::wal

#include "wal/record.hpp"

#include "codec/digest.hpp"

namespace agri::wal {
namespace {

using base::ByteView;
using base::ErrorCode;
using base::LoadLe;
using base::MakeError;

// Identifiers that stand in place of a block's (XLR_BLOCK_ID_* in xlogrecord.h).
constexpr uint8_t kIdDataShort = 255;
constexpr uint8_t kIdDataLong = 254;
constexpr uint8_t kIdOrigin = 253;
constexpr uint8_t kIdTopLevelXid = 252;
// Bits of fork_flags (BKPBLOCK_*).
constexpr uint8_t kForkMask = 0x0F;
constexpr uint8_t kHasImage = 0x10;
constexpr uint8_t kHasData = 0x20;
constexpr uint8_t kSameRelation = 0x80;
// Bits of bimg_info (BKPIMAGE_*): the methods of compression moved to one bit each in 15.
constexpr uint8_t kImageHasHole = 0x01;
constexpr uint8_t kImageCompressed = 0x04 | 0x08 | 0x10;


// Takes values from the front of a view; a take beyond the end fails for good.
class Cursor {
   public:
    explicit Cursor(ByteView bytes) : rest_(bytes) {}

    template <class T>
    T Take() {
        if (rest_.size() < sizeof(T)) {
            failed_ = true;
            rest_ = {};
            return 0;
        }
        T value = LoadLe<T>(rest_.data());
        rest_ = rest_.subspan(sizeof(T));
        return value;
    }
    size_t left() const { return rest_.size(); }
    bool failed() const { return failed_; }
    ByteView rest() const { return rest_; }

   private:
    ByteView rest_;
    bool failed_ = false;
};

// Lengths that the headers announce; the bytes follow after all headers, in the same order.
struct PayloadLengths {
    std::array<uint16_t, kMaxBlockReferences> image = {};
    std::array<uint16_t, kMaxBlockReferences> data = {};
    uint32_t main = 0;
    uint64_t total = 0;
};

base::Error Damaged(const Record& record, std::string_view what) {
    return MakeError(ErrorCode::kCorrupt, "invalid WAL record at {}: {}", record.start.ToString(),
                     what);
}

// Reads one XLogRecordBlockHeader behind its id.
const char* TakeBlockHeader(Cursor& cursor, uint8_t id, Record& out, PayloadLengths& lengths) {
    if (out.block_count > 0 && id <= out.blocks[out.block_count - 1].id)
        return "block references are out of order";
    const uint32_t index = out.block_count;
    BlockReference& block = out.blocks[index];
    block = {};
    block.id = id;
    const uint8_t flags = cursor.Take<uint8_t>();
    block.fork = static_cast<Fork>(flags & kForkMask);
    lengths.data[index] = cursor.Take<uint16_t>();
    if (((flags & kHasData) != 0) != (lengths.data[index] != 0))
        return "a block reference contradicts itself about its data";
    if ((flags & kHasImage) != 0) {
        lengths.image[index] = cursor.Take<uint16_t>();
        cursor.Take<uint16_t>();  // offset of the hole
        const uint8_t image_flags = cursor.Take<uint8_t>();
        if ((image_flags & kImageCompressed) != 0 && (image_flags & kImageHasHole) != 0)
            cursor.Take<uint16_t>();  // length of the hole
    }
    if ((flags & kSameRelation) == 0) {
        block.file.tablespace = cursor.Take<uint32_t>();
        block.file.database = cursor.Take<uint32_t>();
        block.file.relation = cursor.Take<uint32_t>();
    } else if (index == 0) {
        return "the first block reference names no relation";
    } else {
        block.file = out.blocks[index - 1].file;
    }
    block.block = cursor.Take<uint32_t>();
    lengths.total += lengths.data[index] + lengths.image[index];
    ++out.block_count;
    return nullptr;
}

// Reads all headers behind the fixed one; on success the cursor stands at the first payload byte.
const char* TakeHeaders(Cursor& cursor, Record& out, PayloadLengths& lengths) {
    // What is left behind the headers is exactly the payload they announced so far.
    while (cursor.left() > lengths.total) {
        const uint8_t id = cursor.Take<uint8_t>();
        const char* problem = nullptr;
        switch (id) {
            case kIdDataShort:
            case kIdDataLong:
                lengths.main =
                    id == kIdDataShort ? cursor.Take<uint8_t>() : cursor.Take<uint32_t>();
                lengths.total += lengths.main;
                // The main data's header is by convention the last.
                if (cursor.failed() || cursor.left() != lengths.total)
                    return "its lengths do not add up";
                return nullptr;
            case kIdOrigin:
                out.origin = cursor.Take<uint16_t>();
                break;
            case kIdTopLevelXid:
                out.top_level_xid = cursor.Take<uint32_t>();
                break;
            default:
                if (id >= kMaxBlockReferences) return "unknown block reference";
                problem = TakeBlockHeader(cursor, id, out, lengths);
        }
        if (problem != nullptr) return problem;
        if (cursor.failed()) return "its headers are cut off";
    }
    return cursor.left() == lengths.total ? nullptr : "its lengths do not add up";
}

}  // namespace

RecordHeader LoadRecordHeader(ByteView bytes) {
    const std::byte* at = bytes.data();
    return {
        .total_bytes = LoadLe<uint32_t>(at),
        .xid = LoadLe<uint32_t>(at + 4),
        .previous = {LoadLe<uint64_t>(at + 8)},
        .info = LoadLe<uint8_t>(at + 16),
        .manager = static_cast<ResourceManager>(at[17]),
        .crc = LoadLe<uint32_t>(at + kRecordCrcOffset),
    };
}

bool RecordCrcMatches(ByteView record) {
    if (record.size() < kRecordHeaderBytes) return false;
    uint32_t crc = codec::Crc32c(0, record.subspan(kRecordHeaderBytes));
    crc = codec::Crc32c(crc, record.first(kRecordCrcOffset));
    return crc == LoadLe<uint32_t>(record.data() + kRecordCrcOffset);
}

base::Status DecodeRecord(ByteView record, Record& out) {
    out.block_count = 0;
    out.origin = 0;
    out.top_level_xid = 0;
    out.main_data = {};
    if (record.size() < kRecordHeaderBytes) return Damaged(out, "it is shorter than its header");
    out.header = LoadRecordHeader(record);
    if (out.header.total_bytes != record.size()) return Damaged(out, "its length is wrong");

    Cursor cursor(record.subspan(kRecordHeaderBytes));
    PayloadLengths lengths;
    if (const char* problem = TakeHeaders(cursor, out, lengths)) return Damaged(out, problem);

    ByteView payload = cursor.rest();
    for (uint32_t i = 0; i < out.block_count; ++i) {
        out.blocks[i].image = payload.first(lengths.image[i]);
        payload = payload.subspan(lengths.image[i]);
        out.blocks[i].data = payload.first(lengths.data[i]);
        payload = payload.subspan(lengths.data[i]);
    }
    out.main_data = payload;
    return {};
}

}  // namespace agri::wal

// libFuzzer entry of the WAL layer. The first byte chooses what the rest is; records get the CRCs
// they need, so that mutation reaches what lies behind the checksum.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "codec/digest.hpp"
#include "wal/changed_blocks.hpp"
#include "wal/history_file.hpp"
#include "wal/pg_control.hpp"
#include "wal/segment_scanner.hpp"
#include "wal/target_search.hpp"

namespace {

using namespace agri;

// The input as two segments that follow each other: the second is the second half of the input,
// whose first page is made to fit behind the first.
void ReadSegments(base::ByteView input) {
    constexpr size_t kPage = 1024;
    const size_t half = input.size() / 2 / kPage * kPage;
    const base::ByteView first = input.first(half);
    base::Bytes second(input.begin() + half, input.end());
    if (auto header = wal::ReadSegmentHeader(first); header && second.size() >= 40) {
        std::copy_n(first.begin(), 2, second.begin());
        base::StoreLe(second.data() + 8, header->start.value + header->segment_size_bytes);
        std::copy_n(first.begin() + 24, 16, second.begin() + 24);
        second[2] |= std::byte{wal::kPageHasLongHeader};
    }
    wal::SegmentCarry carry;
    for (base::ByteView bytes : {first, base::ByteView(second)}) {
        wal::ChangedBlocks changed, crossing;
        auto scan = wal::ScanSegment(bytes, {.visitor = &changed});
        if (!scan) continue;
        // As if the first segment were whole and its last record went on.
        if (!carry.next_segment.IsValid() && scan->head.state == wal::HeadState::kNone) {
            scan->tail = wal::OpenRecord{scan->end.lsn, scan->last_timeline, 4096,
                                         base::Bytes(bytes.begin(), bytes.begin() + 40)};
        }
        wal::Stitch(carry, *scan, &crossing);
        changed.Append(crossing);
    }
}

// The input as the body of one record: decoded, and shown to every visitor.
void ReadRecord(base::ByteView input) {
    base::Bytes bytes(wal::kRecordHeaderBytes);
    bytes.insert(bytes.end(), input.begin(), input.end());
    base::StoreLe(bytes.data(), static_cast<uint32_t>(bytes.size()));
    if (input.size() >= 2) {
        bytes[16] = input[0];
        bytes[17] = static_cast<std::byte>(static_cast<uint8_t>(input[1]) % 8);
        bytes.erase(bytes.begin() + wal::kRecordHeaderBytes,
                    bytes.begin() + wal::kRecordHeaderBytes + 2);
        base::StoreLe(bytes.data(), static_cast<uint32_t>(bytes.size()));
    }
    for (int version : {15, 18}) {
        wal::Record record;
        record.major_version = version;
        if (!wal::DecodeRecord(bytes, record)) return;
        wal::WalFacts facts;
        wal::AddRecordFacts(record, facts);
        wal::ChangedBlocks changed;
        changed.Visit(record);
        wal::XidFinder(7).Visit(record);
        wal::TimeFinder(base::WallTime(), wal::TargetInclusion::kInclusive).Visit(record);
    }
}

// The input over a control file with the right CRC.
void ReadControl(base::ByteView input) {
    base::Bytes file(512);
    std::copy_n(input.begin(), std::min(input.size(), file.size()), file.begin());
    for (size_t crc_offset : {288, 292}) {
        base::StoreLe(file.data() + crc_offset,
                      codec::Crc32c(0, base::ByteView(file).first(crc_offset)));
        auto control = wal::ParseControlFile(file);
        if (!control) (void)control.error().ToString();
    }
    (void)wal::ParseControlFile(input);
}

void ReadHistory(base::ByteView input) {
    auto history = wal::TimelineHistory::Parse({UINT32_MAX}, base::AsText(input));
    if (!history) return;
    // What was read can be written and read again.
    auto again = wal::TimelineHistory::Parse({UINT32_MAX}, history->Format());
    if (!again || again->Format() != history->Format()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const base::ByteView input(reinterpret_cast<const std::byte*>(data + 1), size - 1);
    switch (data[0] % 4) {
        case 0:
            ReadSegments(input);
            break;
        case 1:
            ReadRecord(input);
            break;
        case 2:
            ReadControl(input);
            break;
        default:
            ReadHistory(input);
            break;
    }
    return 0;
}

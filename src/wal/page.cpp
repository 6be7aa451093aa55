#include "wal/page.hpp"

#include <array>
#include <bit>

namespace agri::wal {
namespace {

using base::ErrorCode;
using base::LoadLe;
using base::MakeError;

struct MagicOfVersion {
    int major_version;
    uint16_t magic;
};
// XLOG_PAGE_MAGIC of each release branch's xlog_internal.h.
constexpr std::array<MagicOfVersion, 4> kMagics = {{
    {15, 0xD110},
    {16, 0xD113},
    {17, 0xD116},
    {18, 0xD118},
}};

bool IsPowerOfTwoWithin(uint32_t value, uint32_t least, uint32_t most) {
    return std::has_single_bit(value) && value >= least && value <= most;
}

base::Error MagicError(uint16_t magic) {
    if (magic == 0) return MakeError(ErrorCode::kCorrupt, "WAL segment's first page is empty");
    // Every version since 8.0 has a magic of 0xD0xx or 0xD1xx.
    if ((magic & 0xFE00) == 0xD000) {
        return MakeError(ErrorCode::kUnsupported,
                         "WAL page magic {:04X} belongs to no supported PostgreSQL version", magic)
            .WithDetail("WAL of PostgreSQL 15, 16, 17 and 18 can be read.");
    }
    return MakeError(ErrorCode::kCorrupt, "not a WAL segment: page magic is {:04X}", magic);
}

}  // namespace

std::optional<uint16_t> PageMagicOf(int major_version) {
    for (const MagicOfVersion& known : kMagics)
        if (known.major_version == major_version) return known.magic;
    return std::nullopt;
}

std::optional<int> MajorVersionOfPageMagic(uint16_t magic) {
    for (const MagicOfVersion& known : kMagics)
        if (known.magic == magic) return known.major_version;
    return std::nullopt;
}

PageHeader LoadPageHeader(base::ByteView page) {
    const std::byte* at = page.data();
    return {
        .magic = LoadLe<uint16_t>(at),
        .flags = LoadLe<uint16_t>(at + 2),
        .timeline = {LoadLe<uint32_t>(at + 4)},
        .address = {LoadLe<uint64_t>(at + 8)},
        .remaining_bytes = LoadLe<uint32_t>(at + 16),
    };
}

base::Result<SegmentHeader> ReadSegmentHeader(base::ByteView first_page) {
    if (first_page.size() < kLongPageHeaderBytes) {
        return MakeError(ErrorCode::kCorrupt, "WAL segment is too short: {} bytes",
                         first_page.size());
    }
    const PageHeader page = LoadPageHeader(first_page);
    const std::optional<int> major_version = MajorVersionOfPageMagic(page.magic);
    if (!major_version) return MagicError(page.magic);
    if ((page.flags & ~kPageAllFlags) != 0 || (page.flags & kPageHasLongHeader) == 0) {
        return MakeError(ErrorCode::kCorrupt, "WAL segment's first page has invalid flags {:04X}",
                         page.flags);
    }

    SegmentHeader header;
    header.major_version = *major_version;
    header.magic = page.magic;
    header.timeline = page.timeline;
    header.start = page.address;
    header.system_identifier = LoadLe<uint64_t>(first_page.data() + kShortPageHeaderBytes);
    header.segment_size_bytes = LoadLe<uint32_t>(first_page.data() + kShortPageHeaderBytes + 8);
    header.page_size_bytes = LoadLe<uint32_t>(first_page.data() + kShortPageHeaderBytes + 12);
    header.overwrites_record = (page.flags & kPageOverwritesRecord) != 0;
    // xlogreader.c looks at the overwriting flag first.
    header.continues_record = !header.overwrites_record && (page.flags & kPageContinuesRecord) != 0;
    header.remaining_bytes = header.continues_record ? page.remaining_bytes : 0;

    if (!IsPowerOfTwoWithin(header.segment_size_bytes, kMinSegmentBytes, kMaxSegmentBytes)) {
        return MakeError(ErrorCode::kCorrupt, "WAL segment states an invalid segment size: {}",
                         header.segment_size_bytes);
    }
    if (!IsPowerOfTwoWithin(header.page_size_bytes, kMinPageBytes, kMaxPageBytes)) {
        return MakeError(ErrorCode::kCorrupt, "WAL segment states an invalid page size: {}",
                         header.page_size_bytes);
    }
    if (header.start.value % header.segment_size_bytes != 0) {
        return MakeError(ErrorCode::kCorrupt,
                         "WAL segment's first page has address {}, which starts no segment",
                         header.start.ToString());
    }
    // Addresses near 2^64 would wrap; the server never gets there.
    if (header.start.value > UINT64_MAX - 2ull * kMaxSegmentBytes) {
        return MakeError(ErrorCode::kCorrupt, "WAL segment states an impossible address {}",
                         header.start.ToString());
    }
    if (header.timeline.value == 0)
        return MakeError(ErrorCode::kCorrupt, "WAL segment's first page has no timeline");
    if (header.continues_record && header.remaining_bytes == 0) {
        return MakeError(ErrorCode::kCorrupt,
                         "WAL segment's first page continues a record of no length");
    }
    return header;
}

base::Status CheckSegmentIdentity(const SegmentHeader& header, const SegmentIdentity& expected) {
    if (expected.system_identifier != 0 && header.system_identifier != expected.system_identifier) {
        return MakeError(ErrorCode::kConflict,
                         "WAL segment is of another database system: its system identifier is {}, "
                         "expected {}",
                         header.system_identifier, expected.system_identifier);
    }
    if (header.segment_size_bytes != expected.segment_size_bytes) {
        return MakeError(ErrorCode::kConflict, "WAL segment has a segment size of {}, expected {}",
                         header.segment_size_bytes, expected.segment_size_bytes);
    }
    const base::Lsn start = expected.segment.Start(expected.segment_size_bytes);
    if (header.start != start) {
        return MakeError(ErrorCode::kConflict,
                         "WAL segment holds addresses from {}, but its name says {}",
                         header.start.ToString(), start.ToString());
    }
    if (header.timeline > expected.segment.timeline) {
        return MakeError(ErrorCode::kConflict,
                         "WAL segment is of timeline {}, but its name says {}",
                         header.timeline.value, expected.segment.timeline.value);
    }
    return {};
}

}  // namespace agri::wal

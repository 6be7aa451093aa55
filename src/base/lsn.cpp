// Text forms of WAL positions and names, as PostgreSQL writes them (src/include/access/
// xlog_internal.h, src/backend/utils/adt/pg_lsn.c). A name that this file accepts is safe as the
// last part of a path: it holds nothing but hex digits and a known suffix.
#include "base/lsn.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>

namespace agri::base {

namespace {

constexpr size_t kSegmentNameLength = 24;
constexpr uint64_t kMinSegmentSize = uint64_t{1} << 20;
constexpr uint64_t kMaxSegmentSize = uint64_t{1} << 30;

bool IsUpperHex(std::string_view text) {
    return text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

// One to eight hex digits of either case, as pg_lsn_in reads them.
std::optional<uint32_t> ParseHex32(std::string_view text) {
    if (text.empty() || text.size() > 8) return std::nullopt;
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Exactly eight upper-case hex digits.
std::optional<uint32_t> ParseNameField(std::string_view text) {
    if (text.size() != 8 || !IsUpperHex(text)) return std::nullopt;
    return ParseHex32(text);
}

// Timeline 0 is PostgreSQL's "none": no file is named after it.
std::optional<TimelineId> ParseTimeline(std::string_view text) {
    const auto value = ParseNameField(text);
    if (!value || *value == 0) return std::nullopt;
    return TimelineId{*value};
}

bool IsSegmentSize(uint64_t size) {
    return std::has_single_bit(size) && size >= kMinSegmentSize && size <= kMaxSegmentSize;
}

uint64_t SegmentsPerXLogId(uint64_t segment_size) { return (uint64_t{1} << 32) / segment_size; }

// What a WAL file is by the part of its name after the segment's 24 digits.
std::optional<WalFileKind> KindOfSuffix(std::string_view suffix) {
    constexpr std::string_view kBackup = ".backup";
    if (suffix.empty()) return WalFileKind::kSegment;
    if (suffix == ".partial") return WalFileKind::kPartial;
    // ".00000028.backup": the offset of the backup's start within the segment.
    if (suffix.size() == 9 + kBackup.size() && suffix[0] == '.' &&
        ParseNameField(suffix.substr(1, 8)) && suffix.substr(9) == kBackup)
        return WalFileKind::kBackupHistory;
    return std::nullopt;
}

}  // namespace

std::string Lsn::ToString() const {
    return fmt::format("{:X}/{:X}", value >> 32, static_cast<uint32_t>(value));
}

std::optional<Lsn> Lsn::Parse(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto high = ParseHex32(text.substr(0, slash));
    const auto low = ParseHex32(text.substr(slash + 1));
    if (!high || !low) return std::nullopt;
    return Lsn{uint64_t{*high} << 32 | *low};
}

std::string TimelineId::ToString() const { return fmt::format("{:08X}", value); }

std::string SegmentId::FileName(uint64_t segment_size) const {
    const uint64_t per_id = SegmentsPerXLogId(segment_size);
    return fmt::format("{:08X}{:08X}{:08X}", timeline.value, number / per_id, number % per_id);
}

std::optional<SegmentId> SegmentId::Parse(std::string_view name, uint64_t segment_size) {
    if (name.size() != kSegmentNameLength || !IsSegmentSize(segment_size)) return std::nullopt;
    const auto timeline = ParseTimeline(name.substr(0, 8));
    const auto high = ParseNameField(name.substr(8, 8));
    const auto low = ParseNameField(name.substr(16, 8));
    const uint64_t per_id = SegmentsPerXLogId(segment_size);
    // A number too large for its field belongs to a cluster of another segment size.
    if (!timeline || !high || !low || *low >= per_id) return std::nullopt;
    return SegmentId{*timeline, *high * per_id + *low};
}

std::optional<WalFileName> WalFileName::Parse(std::string_view name) {
    const auto timeline = ParseTimeline(name.substr(0, 8));
    if (!timeline) return std::nullopt;
    if (name.substr(8) == ".history")
        return WalFileName{WalFileKind::kHistory, std::string(name), *timeline, {}};
    const std::string_view segment = name.substr(0, kSegmentNameLength);
    if (segment.size() != kSegmentNameLength || !IsUpperHex(segment)) return std::nullopt;
    const auto kind = KindOfSuffix(name.substr(kSegmentNameLength));
    if (!kind) return std::nullopt;
    return WalFileName{*kind, std::string(name), *timeline, std::string(segment)};
}

}  // namespace agri::base

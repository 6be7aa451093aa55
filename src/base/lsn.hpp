// PostgreSQL's WAL positions as strong types: Lsn (XLogRecPtr), TimelineId, and WAL file names
// (src/include/access/xlog_internal.h). Names are parsed strictly: what is not a WAL name is
// refused.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agri::base {

struct Lsn {
    uint64_t value = 0;

    auto operator<=>(const Lsn&) const = default;
    bool IsValid() const { return value != 0; }
    // "16/B374D848", as pg_lsn prints it.
    std::string ToString() const;
    static std::optional<Lsn> Parse(std::string_view text);
};

struct TimelineId {
    uint32_t value = 0;

    auto operator<=>(const TimelineId&) const = default;
    // Eight upper-case hex digits, as in WAL file names.
    std::string ToString() const;
};

// A WAL segment: its timeline and its number (address / segment size).
struct SegmentId {
    TimelineId timeline;
    uint64_t number = 0;

    auto operator<=>(const SegmentId&) const = default;
    // 24 hex digits; depends on the segment size in bytes (a power of two, 1 MiB to 1 GiB).
    std::string FileName(uint64_t segment_size) const;
    Lsn Start(uint64_t segment_size) const { return Lsn{number * segment_size}; }
    Lsn End(uint64_t segment_size) const { return Lsn{(number + 1) * segment_size}; }
    static std::optional<SegmentId> Parse(std::string_view name, uint64_t segment_size);
    static SegmentId Of(TimelineId timeline, Lsn lsn, uint64_t segment_size) {
        return {timeline, lsn.value / segment_size};
    }
};

// What PostgreSQL hands to an archiver.
enum class WalFileKind {
    kSegment,        // 000000010000000000000001
    kPartial,        // 000000010000000000000001.partial (last segment of an abandoned timeline)
    kBackupHistory,  // 000000010000000000000001.00000028.backup
    kHistory,        // 00000002.history
};

struct WalFileName {
    WalFileKind kind = WalFileKind::kSegment;
    std::string name;
    TimelineId timeline;
    // First 24 characters; empty for a history file.
    std::string segment_name;

    // Accepts exactly the four forms above, upper-case hex; nullopt for all else, paths included.
    static std::optional<WalFileName> Parse(std::string_view name);
};

}  // namespace agri::base

// The checks that a record passes before it counts, shared by the scanner and the stitcher.
// Private to src/wal.
#pragma once

#include <optional>
#include <string>

#include "wal/record.hpp"

namespace agri::wal {

// Records start at multiples of 8 (MAXALIGN), so the length field is never split between pages.
inline constexpr uint32_t kRecordAlignment = 8;
inline constexpr uint64_t AlignRecord(uint64_t value) {
    return (value + kRecordAlignment - 1) & ~uint64_t{kRecordAlignment - 1};
}

// Why the record at `start` with this length cannot be one; nullopt when it can.
std::optional<std::string> LengthProblem(uint32_t total_bytes, base::Lsn start);

// Why the header at `start` is not that of the record behind the one at `previous` (invalid: not
// known); nullopt when it is. ValidXLogRecordHeader() of xlogreader.c.
std::optional<std::string> HeaderProblem(const RecordHeader& header, base::Lsn start,
                                         base::Lsn previous);

}  // namespace agri::wal

#include "wal/record_check.hpp"

namespace agri::wal {
namespace {

// RM_MAX_BUILTIN_ID is the same in 15 to 18 (rmgrlist.h); extensions have 128 and up
// (RM_MIN_CUSTOM_ID of src/include/access/rmgr.h).
constexpr uint8_t kLastBuiltinManager = 21;
constexpr uint8_t kFirstCustomManager = 128;

}  // namespace

std::optional<std::string> LengthProblem(uint32_t total_bytes, base::Lsn start) {
    if (total_bytes < kRecordHeaderBytes) {
        return fmt::format("invalid record length at {}: expected at least {}, got {}",
                           start.ToString(), kRecordHeaderBytes, total_bytes);
    }
    if (total_bytes > kMaxRecordBytes) {
        return fmt::format("record length {} at {} is too long", total_bytes, start.ToString());
    }
    return std::nullopt;
}

std::optional<std::string> HeaderProblem(const RecordHeader& header, base::Lsn start,
                                         base::Lsn previous) {
    const auto manager = static_cast<uint8_t>(header.manager);
    if (manager > kLastBuiltinManager && manager < kFirstCustomManager)
        return fmt::format("invalid resource manager ID {} at {}", manager, start.ToString());
    const bool follows = previous.IsValid() ? header.previous == previous : header.previous < start;
    if (!follows) {
        return fmt::format("record with incorrect prev-link {} at {}", header.previous.ToString(),
                           start.ToString());
    }
    return std::nullopt;
}

}  // namespace agri::wal

#include "wal/checkpoint_layout.hpp"

#include <algorithm>
#include <limits>

namespace agri::wal {

using base::LoadLe;

base::WallTime FromUnixSeconds(int64_t seconds) {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000000;
    return base::WallTime(std::chrono::seconds(std::clamp(seconds, -kMost, kMost)));
}

CheckpointBody LoadCheckpoint(const std::byte* from, int major_version) {
    CheckpointBody body;
    body.redo = {LoadLe<uint64_t>(from)};
    body.timeline = {LoadLe<uint32_t>(from + 8)};
    body.previous_timeline = {LoadLe<uint32_t>(from + 12)};
    body.full_page_writes = LoadLe<uint8_t>(from + 16) != 0;
    if (major_version >= 17) body.wal_level = LoadLe<uint32_t>(from + 20);
    body.next_full_xid = LoadLe<uint64_t>(from + 24);
    body.next_oid = LoadLe<uint32_t>(from + 32);
    body.next_multixact = LoadLe<uint32_t>(from + 36);
    body.next_multixact_offset = LoadLe<uint32_t>(from + 40);
    body.oldest_xid = LoadLe<uint32_t>(from + 44);
    body.oldest_multixact = LoadLe<uint32_t>(from + 52);
    body.time = FromUnixSeconds(static_cast<int64_t>(LoadLe<uint64_t>(from + 64)));
    return body;
}

}  // namespace agri::wal

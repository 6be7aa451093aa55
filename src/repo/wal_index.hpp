// Frame 0 of a WAL object: its index. Here is decided what belongs together: a name, the facts that
// follow from it, and the content. Errors do not name the object: callers add it.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/lsn.hpp"
#include "codec/digest.hpp"
#include "repo/format.pb.h"

namespace agri::repo {

// No WAL file is longer: the largest segment PostgreSQL can be built for.
inline constexpr uint64_t kMaxWalFileBytes = 1u << 30;

// Facts beyond this size are left out, and scan_problem says so: archiving must go on even if
// somebody fills a segment with restore points.
inline constexpr size_t kMaxWalFactsBytes = 2u << 20;
inline constexpr std::string_view kTooManyFacts = "it has more facts than an index holds";

format::WalKind ToWalKind(base::WalFileKind kind);

// Fills in what follows from the file's name, its content and the clock. kInvalidArgument when a
// segment is not `segment_size` bytes long or the name does not fit that size.
base::Status CompleteWalIndex(const base::WalFileName& file, base::ByteView content,
                              uint64_t segment_size, const base::Clock& clock,
                              format::WalIndex& index);

// kCorrupt unless `plain` is the index of just that file.
base::Result<format::WalIndex> ParseWalIndex(base::ByteView plain, const base::WalFileName& file,
                                             uint64_t segment_size);

}  // namespace agri::repo

// Whether archived WAL is what this server wrote. A copy of it that was let write, or an earlier
// state of its disk that went on, has the same system, timeline and names: only content tells.
#pragma once

#include "base/lsn.hpp"
#include "repo/repository.hpp"

namespace agri::engine {

struct OwnWal {
    const repo::Incarnation& incarnation;
    const std::string& data_directory;
    base::Lsn stop;  // nothing behind it is looked at: a standby may not have received it yet
};

// For a segment that stands in the archive. kCorrupt when its object is damaged, or its records
// cannot be read up to the stop point; kConflict when pg_wal holds other content. What is no longer
// in pg_wal was acknowledged, and is believed.
base::Status CheckArchivedSegment(const OwnWal& own, base::SegmentId segment);

}  // namespace agri::engine

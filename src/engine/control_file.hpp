// Reads global/pg_control of a running server: the server overwrites it in place, so a reading can
// be torn. What is returned has a matching CRC.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/bytes.hpp"
#include "base/cancel.hpp"
#include "repo/repository.hpp"
#include "wal/pg_control.hpp"

namespace agri::engine {

struct ControlImage {
    base::Bytes bytes;
    struct stat info {};
    wal::ControlFile control;
};

// Reads again for a short while when the CRC does not match; then kCorrupt.
base::Result<ControlImage> ReadControlImage(const std::string& data_directory,
                                            const base::CancelToken& cancel);

// A standby or a server that recovers, running or stopped. It says "in production" before the
// archiver asks for what a promotion wrote.
bool IsInRecovery(const wal::ControlFile& control);

// What the repository knows a cluster by.
base::Result<repo::ClusterIdentity> ReadIdentity(const std::string& data_directory,
                                                 const base::CancelToken& cancel);

}  // namespace agri::engine

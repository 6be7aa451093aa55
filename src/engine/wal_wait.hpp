// Waiting until the WAL that a backup needs is in the archive: without it the backup is worth
// nothing.
#pragma once

#include <chrono>
#include <functional>

#include "engine/context.hpp"
#include "repo/wal_archive.hpp"
#include "wal/history_file.hpp"

namespace agri::engine {

struct WalNeed {
    base::Lsn start;
    base::Lsn stop;
    const wal::TimelineHistory& history;  // path to the stop point's timeline
    uint64_t segment_size = 0;
    bool from_standby = false;
    const std::string& data_directory;
};

// All segments from start to stop are durable on return, and are this server's as far as its pg_wal
// still tells (CheckArchivedSegment). kClusterState after `timeout`, naming what
// is missing and what to check. `go_on` is asked between looks; its error ends the waiting.
base::Status WaitForWal(const repo::Incarnation& incarnation, const WalNeed& need,
                        std::chrono::seconds timeout, const std::function<base::Status()>& go_on,
                        const Context& context);

struct HistorySource {
    const repo::Incarnation& incarnation;
    const std::string& data_directory;
    base::Logger& log;
};
// Content of a timeline's history file: from the server's pg_wal, else from the archive (a standby
// may have it there only). Empty for timeline 1, and, with a warning, when neither has it.
base::Result<std::string> ReadTimelineHistory(const HistorySource& source,
                                              base::TimelineId timeline);

}  // namespace agri::engine

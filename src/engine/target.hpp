// Recovery targets: what the user asked for, which backup and which WAL lead there, and, when
// nothing does, the nearest moments that can be reached. Decided before anything is written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/context.hpp"
#include "engine/object_problems.hpp"
#include "repo/catalog.hpp"
#include "repo/wal_archive.hpp"

namespace agri::engine {

enum class TargetKind { kEndOfWal, kTime, kLsn, kXid, kName, kImmediate };
enum class TargetAction { kPause, kPromote, kShutdown };
enum class RecoverySettings { kWrite, kLeaveAlone };

struct RecoveryTarget {
    TargetKind kind = TargetKind::kEndOfWal;
    base::WallTime time{};
    base::Lsn lsn;
    uint32_t xid = 0;
    std::string name;
    bool exclusive = false;
    // "latest", "current" or a timeline number.
    std::string timeline = "latest";
    TargetAction action = TargetAction::kPromote;
};

// One step of the way from the backup: WAL of a timeline between two positions.
struct TimelineStep {
    base::TimelineId timeline;
    base::Lsn from, to;
};

struct RestorePlan {
    repo::format::ManifestHeader backup;
    std::vector<TimelineStep> path;
    base::TimelineId target_timeline;
    // A newer timeline that the repository's writer has left, so that "latest" is not it.
    std::optional<base::TimelineId> left_timeline;
    // What the server is told. Differs from what was asked for where PostgreSQL could not stop
    // there: the very last commit of the archive, or a name that stands in the WAL twice, become an
    // LSN.
    RecoveryTarget effective_target;
    // Whether NNNNNNNN.history of the target timeline can be fetched from the archive.
    bool timeline_history_archived = false;
    // Whether the server may fetch WAL behind the target: not where it could not be read.
    bool reads_ahead = true;
    // Why this backup, as a clause for the user: "chosen because …".
    std::string reason;
    // What the user must know before going on: holes behind the end, unusable newer backups.
    std::vector<std::string> warnings;
    // Where recovery will end as far as is known: LSN, time of the last commit.
    base::Lsn end_lsn;
    int64_t end_commit_us = 0;
    uint64_t wal_segments = 0;
};

// `backup_id` empty: chosen here (the latest from which the target is reached). kUnreachableTarget
// says why and names the nearest reachable moments before and after.
base::Result<RestorePlan> ResolveTarget(const repo::Incarnation& incarnation,
                                        const RecoveryTarget& target, const std::string& backup_id,
                                        const Context& context);

// A moment range that can be restored to: from a backup's stop to the end of gapless WAL.
struct RecoveryWindow {
    base::TimelineId timeline;
    std::string first_backup;
    base::Lsn from_lsn, to_lsn;
    int64_t from_us = 0, to_us = 0;  // 0: no commit seen
};
struct RecoveryWindows {
    std::vector<RecoveryWindow> windows;
    // WAL objects that were come upon and could not be read.
    ObjectProblems problems;
};
base::Result<RecoveryWindows> ListRecoveryWindows(const repo::Incarnation& incarnation,
                                                  const Context& context);

}  // namespace agri::engine

#include "engine/restore_preflight.hpp"

#include "base/file.hpp"
#include "engine/data_directory.hpp"
#include "engine/restore_marker.hpp"
#include "engine/server_check.hpp"
#include "repo/place.hpp"
#include "wal/pg_control.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

// --delta removes what the backup does not have: only a PostgreSQL data directory may lose files
// so.
Status CheckDeltaTarget(const std::string& path) {
    if (repo::IsDataDirectory(path)) return {};
    return MakeError(ErrorCode::kConflict,
                     "\"{}\" is neither empty nor a PostgreSQL data directory", path)
        .WithHint(
            "--delta removes every file that the backup does not have: give an empty directory, "
            "or the data directory that is to be rewritten.");
}

}  // namespace

Status CheckRequest(const RestoreRequest& request) {
    const RecoveryTarget& target = request.target;
    if (request.role != RestoreRole::kStandby || target.kind == TargetKind::kEndOfWal ||
        target.action != TargetAction::kPromote)
        return {};
    return base::Error(ErrorCode::kInvalidArgument,
                       "a standby cannot promote itself when it reaches the recovery target")
        .WithHint(
            "Use --target-action pause or shutdown, or restore with --as clone or --as "
            "original what shall be a server of its own.");
}

Result<TargetCheck> CheckTargetDirectory(const RestoreRequest& request) {
    const std::string path = TrimSlashes(request.target_directory);
    if (!path.starts_with('/'))
        return MakeError(ErrorCode::kInvalidArgument,
                         "target directory \"{}\" is not an absolute path", path);
    AGRI_TRY(CheckNoServer(path));
    AGRI_ASSIGN(const std::vector<std::string> names, NamesIn(path));
    TargetCheck check;
    if (names.empty()) return check;
    if (auto marker = ReadMarker(path)) {
        // Cut off between making the marker and writing it: that restore had not begun.
        if (marker->backup_id.empty() && names.size() == 1) return check;
        check.state = TargetState::kResume;
        check.interrupted_backup = marker->backup_id;
        check.interrupted_folders = std::move(marker->folders);
        return check;
    }
    if (request.existing == ExistingFiles::kRefuse)
        return MakeError(ErrorCode::kAlreadyExists, "target directory \"{}\" is not empty", path)
            .WithHint(
                "Give an empty or missing directory, or --delta to rewrite what differs there.");
    AGRI_TRY(CheckDeltaTarget(path));
    check.state = TargetState::kExisting;
    return check;
}

Status CheckSameBackup(const TargetCheck& check, const RestoreRequest& request,
                       const repo::format::ManifestHeader& backup) {
    const std::string path = TrimSlashes(request.target_directory);
    if (check.state == TargetState::kResume && check.interrupted_backup != backup.backup_id() &&
        request.existing == ExistingFiles::kRefuse)
        return MakeError(ErrorCode::kConflict,
                         "\"{}\" holds an unfinished restore of backup {}, and this one is of {}",
                         path, check.interrupted_backup, backup.backup_id())
            .WithHint(
                fmt::format("Go on with --backup {}, or give --delta to take this backup instead.",
                            check.interrupted_backup));
    auto control = base::ReadFileIfPresent(fmt::format("{}/{}", path, kControlFile), 64 << 10);
    if (!control)
        return std::move(control).error().WithHint(
            "Which cluster is there cannot be told: give an empty target directory.");
    if (!*control) return {};
    auto parsed = wal::ParseControlFile(**control);
    if (!parsed || parsed->system_identifier == backup.system_identifier()) return {};
    return MakeError(
               ErrorCode::kConflict,
               "\"{}\" is the data directory of another cluster (system {}, the backup's is {})",
               path, parsed->system_identifier, backup.system_identifier())
        .WithHint("Nothing was changed. Choose another target directory.");
}

}  // namespace agri::engine

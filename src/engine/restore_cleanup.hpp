// Makes an existing data directory ready to be rewritten: it can no longer be started, WAL that
// only it has is set aside, and every file that the backup does not have is gone. Never outside the
// restore's own folders, never through a link.
#pragma once

#include "engine/restore_survey.hpp"

namespace agri::engine {

// pg_control of the cluster that is being replaced, until the restore has succeeded.
inline constexpr std::string_view kOldControlFile = "global/pg_control.agri_backup_old";
inline constexpr std::string_view kSavedWalFolder = "agri_backup_saved_wal";

struct CleanupResult {
    uint64_t removed_files = 0;
    std::vector<std::string> notes;
};

// Renames pg_control, durable on return: from here on the server cannot be started half way.
base::Status DisableControlFile(const TargetFolder& data);

// `layout` has its folders open. WAL segments that are not archived go to
// pg_wal/agri_backup_saved_wal.
base::Result<CleanupResult> RemoveForeignFiles(const RestoreLayout& layout, const KnownNames& names,
                                               RestoreRole role,
                                               const repo::Incarnation& incarnation,
                                               const Context& context);

}  // namespace agri::engine

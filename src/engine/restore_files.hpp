// The file part of a restore: one pass over the backup's file list feeds threads that fetch, check
// and write. Memory is bounded by a short queue, whatever the number and size of files.
#pragma once

#include "engine/file_job.hpp"
#include "engine/restore_layout.hpp"

namespace agri::engine {

// pg_control until everything else is durable: no server starts without the real name.
inline constexpr std::string_view kHeldBackSuffix = ".agri_backup_new";

struct HeldBackFile {
    size_t folder = 0;
    std::string path;  // its final path; it stands under that path plus kHeldBackSuffix
};

struct RestoredFiles {
    uint64_t files = 0;
    uint64_t bytes = 0;
    uint64_t written_bytes = 0;
    std::vector<HeldBackFile> held_back;
};

struct RestoreFilesOptions {
    ExistingContent existing = ExistingContent::kNone;
    OwnerResolver& owners;
};

// `layout` has its folders open. Nothing is synced here. The first error ends all threads; what was
// written stays, for another run to go on.
base::Result<RestoredFiles> RestoreFiles(const repo::ManifestReader& manifest,
                                         const RestoreLayout& layout,
                                         const RestoreFilesOptions& options,
                                         const Context& context);

}  // namespace agri::engine

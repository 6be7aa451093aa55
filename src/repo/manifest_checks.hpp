// What must be true of a manifest's contents, written and read: the writer refuses what a reader
// would refuse, and the reader believes nothing that was not checked here. Errors are kCorrupt and
// name neither manifest nor pack: callers add that, or another code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "repo/manifest.hpp"

namespace agri::repo {

// A path for a message: in quotes, what is not printable ASCII as \xHH.
std::string QuotePath(std::string_view path);

// Form and plausibility of everything a reader calculates with or creates files by. kUnsupported
// for a newer format version, with the way out in the hint.
base::Status CheckManifestHeader(const format::ManifestHeader& header,
                                 const Incarnation& incarnation, std::string_view backup_id);

// An entry by itself: type, path, mode, names, xattrs, and which kind of content it may have. Its
// extents and leaves are the file page's matter.
base::Status CheckFileEntry(const format::FileEntry& entry);

// Watches that entries come strictly sorted by (root, path) and that nothing stands below an entry
// that is no directory: a restore would write through a symlink. Memory: one path.
class FileOrder {
   public:
    base::Status Next(const format::FileEntry& entry);

   private:
    bool has_previous_ = false;
    uint32_t root_ = 0;
    std::string path_;
    bool root_is_file_ = false;
    // Lengths of prefixes of `path_` that are files or symlinks, ascending.
    std::vector<size_t> files_above_;
};

// References to pages: strictly sorted, none empty, in form. `previous` is null for the first one.
base::Status CheckFilePageRef(const format::FilePageRef* previous, const format::FilePageRef& ref);
// The page's chunk, its pack taken from the reference.
base::Result<StoredChunk> ResolvePage(const format::FilePageRef& ref);

base::Result<format::ManifestPart> ParseManifestPart(base::ByteView plain);

}  // namespace agri::repo

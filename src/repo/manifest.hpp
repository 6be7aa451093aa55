// A backup's manifest: written once, at the end, by put-if-absent: the backup exists when it does.
// Both directions stream: memory is bounded by one page of files, not by their number.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "repo/pack.hpp"

namespace agri::repo {

// Builds file pages in (root, path) order and finally the manifest object. Single-threaded. After
// an error it is of no more use.
class ManifestWriter {
   public:
    // Pages and leaves go through `packs`; the writer must outlive this object.
    ManifestWriter(const Incarnation& incarnation, PackWriter& metadata_packs);
    ~ManifestWriter();

    // One extent: zeros when `chunk` is null.
    struct FileExtent {
        uint64_t length = 0;
        std::optional<StoredChunk> chunk;
        uint32_t chunk_offset = 0;
    };
    // Adds a file; entries must come strictly sorted by (root, path bytes). `entry` comes without
    // extents; the writer stores them in the entry or, past kLeafExtents, in leaves. Content of up
    // to kMaxInlineBytes may stand in entry.inline_content instead. What a reader would refuse (see
    // ManifestReader) is refused here with kInvalidArgument.
    base::Status AddFile(format::FileEntry entry, const std::vector<FileExtent>& extents);
    // The same for files with very many extents, which need not be in memory at once: BeginFile,
    // any number of AddExtent and AddLeaf, EndFile.
    base::Status BeginFile(format::FileEntry entry);
    base::Status AddExtent(const FileExtent& extent);
    // A leaf that another backup of the same digest_seed has stored, as it stands: `leaf` and
    // `extents` are what a ManifestReader's FileRun gave together.
    base::Status AddLeaf(const StoredChunk& leaf, const std::vector<FileExtent>& extents);
    base::Status EndFile();
    // For files whose content is known only at the end (backup_label, tablespace_map,
    // global/pg_control). Called instead of AddFile when their turn in the order comes: ends the
    // current page, so that AddLateFile can put a page of its own between two others.
    base::Status ReserveLateFile(uint32_t root, std::string_view path);
    // Fills (in any order) a reserved place with a one-file page; before FinishFiles. A place that
    // is never filled costs nothing. Page references are sorted by (root, path) on Commit.
    base::Status AddLateFile(format::FileEntry entry, const std::vector<FileExtent>& extents);
    // Keeps the first kMaxPageFailures; how many there were is the statistics' matter.
    void AddPageFailure(format::PageFailure failure);
    // Flushes the last page. After it, finish the pack writers, then Commit.
    base::Status FinishFiles();
    // Every pack that files, leaves and pages refer to, sorted.
    std::vector<PackId> ReferencedPacks() const;
    // `packs`: every pack the backup rests on, each once; kInternal when a referenced one is not
    // among them or a root not in the header, kInvalidArgument when a reader would refuse the
    // header. kConflict when the key holds a tombstone (the backup was given up meanwhile) or
    // another manifest, and when a parent has expired. The backup exists, durably, when this says
    // OK.
    base::Status Commit(const format::ManifestHeader& header,
                        const std::vector<format::PackRef>& packs);

   private:
    struct State;
    std::unique_ptr<State> state_;
};

inline constexpr size_t kLeafExtents = 2048;            // extents a leaf
inline constexpr size_t kPageTargetBytes = 512u << 10;  // a file page is closed at this size
inline constexpr size_t kMaxEntryBytes = 2u << 20;  // a file's entry, xattrs and leaves included
inline constexpr size_t kMaxInlineBytes = 128;      // of content that stands in the entry itself
inline constexpr size_t kMaxPageFailures = 10000;   // named one by one in a manifest
inline constexpr uint32_t kManifestFormatVersion = 1;

// Only frame 0: cheap, for listings. kNotFound also when a tombstone stands there (the message says
// who gave the backup up).
base::Result<format::ManifestHeader> ReadManifestHeader(const Incarnation& incarnation,
                                                        std::string_view backup_id);

// Believes nothing that it did not check: kCorrupt names the manifest or the pack at fault.
// Immutable after Open: any number of threads may call its methods at once. The incarnation must
// outlive it.
class ManifestReader {
   public:
    // Reads header, pack table and page references.
    static base::Result<ManifestReader> Open(const Incarnation& incarnation,
                                             std::string_view backup_id);
    ~ManifestReader();
    ManifestReader(ManifestReader&&) noexcept;

    const format::ManifestHeader& header() const;
    const PackStore& packs() const;
    const std::vector<format::FilePageRef>& pages() const;
    const std::vector<format::PageFailure>& page_failures() const;

    struct File {
        format::FileEntry entry;                          // extents and leaves cleared
        std::vector<ManifestWriter::FileExtent> extents;  // resolved
    };
    // Calls `visit` for every file in order; one page in memory at a time. Paths are validated:
    // relative, no empty, "." or ".." part, no NUL, no file or symlink above another entry; sizes
    // equal the sum of extents. Large files' extents come in several calls: `first_offset` tells
    // where this run of extents begins; the last has `last`. A tiny file's content is
    // entry.inline_content(): its one run has no extents.
    struct FileRun {
        const format::FileEntry& entry;  // extents and leaves cleared
        uint64_t first_offset = 0;
        const std::vector<ManifestWriter::FileExtent>& extents;
        bool last = true;
        const StoredChunk* leaf = nullptr;  // where these very extents are stored, for AddLeaf
    };
    base::Status ForEachFile(const std::function<base::Status(const FileRun&)>& visit) const;
    // One file by name, by binary search over the pages; nullopt when absent.
    base::Result<std::optional<File>> FindFile(uint32_t root, std::string_view path) const;

   private:
    struct State;
    explicit ManifestReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// True for a path that may stand in a manifest and be created below a restore's target: relative,
// at most 4095 bytes, parts of 1 to 255 bytes, none "." or "..", no NUL. False for the empty path,
// which in a manifest is the root itself.
bool IsSafeRelativePath(std::string_view path);

}  // namespace agri::repo

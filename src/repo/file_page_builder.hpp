// Building file pages and leaves: chunks and packs are numbered as files refer to them, each once,
// so a page stays small however many files share its chunks.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "repo/file_page.hpp"

namespace agri::repo {

// The tables of one page or leaf under construction. Each chunk and pack stands in them once.
class ChunkTable {
   public:
    using Strings = google::protobuf::RepeatedPtrField<std::string>;
    using Chunks = google::protobuf::RepeatedPtrField<format::ChunkRef>;

    // The repeated fields to fill, which must outlive this object.
    ChunkTable(Strings& pack_ids, Chunks& chunks) : pack_ids_(pack_ids), chunks_(chunks) {}
    // Adds the extent in ordinal form.
    void AddExtent(const FileExtent& extent, format::Extent& out);
    // The reference by itself, for leaves.
    void FillRef(const StoredChunk& chunk, format::ChunkRef& out);
    // An upper bound of what the tables take up in the message.
    size_t bytes() const { return bytes_; }

   private:
    uint32_t PackOrdinal(const PackId& pack);
    uint32_t ChunkOrdinal(const StoredChunk& chunk);

    Strings& pack_ids_;
    Chunks& chunks_;
    std::map<PackId, uint32_t> packs_;
    std::map<std::pair<PackId, uint32_t>, uint32_t> frames_;
    size_t bytes_ = 0;
};

// The serialised leaf of these extents.
std::string BuildLeaf(const std::vector<FileExtent>& extents);

// One page under construction. Neither copied nor moved: its tables refer to its message.
class FilePageBuilder {
   public:
    FilePageBuilder() : table_(*page_.mutable_pack_ids(), *page_.mutable_chunks()) {}
    FilePageBuilder(const FilePageBuilder&) = delete;
    FilePageBuilder& operator=(const FilePageBuilder&) = delete;

    bool empty() const { return page_.files().empty(); }
    // An upper bound of the serialised size.
    size_t bytes() const { return entry_bytes_ + table_.bytes(); }
    // An upper bound of what Add() would add.
    static size_t Bound(const format::FileEntry& entry, const std::vector<FileExtent>& extents,
                        const std::vector<StoredLeaf>& leaves);
    void Add(format::FileEntry entry, const std::vector<FileExtent>& extents,
             const std::vector<StoredLeaf>& leaves);
    // Stores the page, which is not empty, and returns the reference to it.
    base::Result<format::FilePageRef> Store(PackWriter& packs) const;

   private:
    format::FilePage page_;
    ChunkTable table_;
    size_t entry_bytes_ = 0;
};

}  // namespace agri::repo

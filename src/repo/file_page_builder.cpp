// Numbers chunks and packs, and keeps bounds on what the result will take up: a page must stay
// below one frame's limit, whatever files bring along.
#include "repo/file_page_builder.hpp"

namespace agri::repo {

namespace {

// What one extent or leaf adds to a page at most, its chunk and pack in the tables included.
constexpr size_t kExtentBoundBytes = 112;
constexpr size_t kLeafBoundBytes = 96;

}  // namespace

uint32_t ChunkTable::PackOrdinal(const PackId& pack) {
    const auto [place, is_new] = packs_.try_emplace(pack, static_cast<uint32_t>(pack_ids_.size()));
    if (is_new) {
        pack_ids_.Add()->assign(base::AsText(pack));
        bytes_ += pack.size() + 2;
    }
    return place->second;
}

void ChunkTable::FillRef(const StoredChunk& chunk, format::ChunkRef& out) {
    out.set_pack(PackOrdinal(chunk.pack));
    out.set_frame(chunk.frame);
    out.set_offset(chunk.offset);
    out.set_stored_length(chunk.stored_length);
    out.set_plain_length(chunk.plain_length);
    out.set_digest(chunk.digest.data(), chunk.digest.size());
}

uint32_t ChunkTable::ChunkOrdinal(const StoredChunk& chunk) {
    const auto [place, is_new] =
        frames_.try_emplace({chunk.pack, chunk.frame}, static_cast<uint32_t>(chunks_.size()));
    if (is_new) {
        format::ChunkRef& ref = *chunks_.Add();
        FillRef(chunk, ref);
        bytes_ += ref.ByteSizeLong() + 2;
    }
    return place->second;
}

void ChunkTable::AddExtent(const FileExtent& extent, format::Extent& out) {
    out.set_length(extent.length);
    if (!extent.chunk) return;
    out.set_chunk(1 + ChunkOrdinal(*extent.chunk));
    out.set_chunk_offset(extent.chunk_offset);
}

std::string BuildLeaf(const std::vector<FileExtent>& extents) {
    format::Leaf leaf;
    ChunkTable table(*leaf.mutable_pack_ids(), *leaf.mutable_chunks());
    for (const FileExtent& extent : extents) table.AddExtent(extent, *leaf.add_extents());
    return leaf.SerializeAsString();
}

size_t FilePageBuilder::Bound(const format::FileEntry& entry,
                              const std::vector<FileExtent>& extents,
                              const std::vector<StoredLeaf>& leaves) {
    return entry.ByteSizeLong() + extents.size() * kExtentBoundBytes +
           leaves.size() * kLeafBoundBytes;
}

void FilePageBuilder::Add(format::FileEntry entry, const std::vector<FileExtent>& extents,
                          const std::vector<StoredLeaf>& leaves) {
    for (const FileExtent& extent : extents) table_.AddExtent(extent, *entry.add_extents());
    for (const StoredLeaf& leaf : leaves) {
        format::LeafRef& ref = *entry.add_leaves();
        ref.set_length(leaf.length);
        table_.FillRef(leaf.chunk, *ref.mutable_chunk());
    }
    entry_bytes_ += entry.ByteSizeLong() + 8;
    *page_.add_files() = std::move(entry);
}

base::Result<format::FilePageRef> FilePageBuilder::Store(PackWriter& packs) const {
    AGRI_ASSIGN(const StoredChunk chunk,
                packs.AppendMetadata(base::AsBytes(page_.SerializeAsString())));
    format::FilePageRef ref;
    ref.set_pack_id(chunk.pack.data(), chunk.pack.size());
    ref.set_first_root(page_.files(0).root());
    ref.set_first_path(page_.files(0).path());
    ref.set_files(static_cast<uint32_t>(page_.files_size()));
    format::ChunkRef& at = *ref.mutable_chunk();
    at.set_frame(chunk.frame);
    at.set_offset(chunk.offset);
    at.set_stored_length(chunk.stored_length);
    at.set_plain_length(chunk.plain_length);
    at.set_digest(chunk.digest.data(), chunk.digest.size());
    return ref;
}

}  // namespace agri::repo

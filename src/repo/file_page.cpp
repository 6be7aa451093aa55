// Ordinals back to chunks. Sums of lengths are formed against what they must come to, so
// nothing read from storage can make them wrap.
#include "repo/file_page.hpp"

#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

using PackIds = google::protobuf::RepeatedPtrField<std::string>;
using ChunkRefs = google::protobuf::RepeatedPtrField<format::ChunkRef>;
using Extents = google::protobuf::RepeatedPtrField<format::Extent>;

base::Result<std::vector<StoredChunk>> ResolveTable(const PackIds& pack_ids,
                                                    const ChunkRefs& chunks) {
    std::vector<StoredChunk> resolved;
    resolved.reserve(static_cast<size_t>(chunks.size()));
    for (const auto& ref : chunks) {
        AGRI_ASSIGN(const StoredChunk chunk, ResolveChunk(pack_ids, ref));
        resolved.push_back(chunk);
    }
    return resolved;
}

base::Result<FileExtent> ResolveExtent(const std::vector<StoredChunk>& chunks,
                                       const format::Extent& extent) {
    FileExtent resolved{.length = extent.length(), .chunk_offset = extent.chunk_offset()};
    if (extent.length() == 0) return MakeError(ErrorCode::kCorrupt, "an extent is empty");
    if (extent.chunk() == 0) {
        if (extent.chunk_offset() != 0)
            return MakeError(ErrorCode::kCorrupt, "an extent of zeros has an offset in a chunk");
        return resolved;
    }
    if (extent.chunk() > chunks.size())
        return MakeError(ErrorCode::kCorrupt, "an extent refers to chunk {} of {}", extent.chunk(),
                         chunks.size());
    resolved.chunk = chunks[extent.chunk() - 1];
    const uint32_t plain_length = resolved.chunk->plain_length;
    if (extent.length() > plain_length || extent.chunk_offset() > plain_length - extent.length())
        return MakeError(ErrorCode::kCorrupt, "an extent goes past the end of its chunk");
    return resolved;
}

base::Result<std::vector<FileExtent>> ResolveAll(const std::vector<StoredChunk>& chunks,
                                                 const Extents& extents, uint64_t length) {
    std::vector<FileExtent> resolved;
    resolved.reserve(static_cast<size_t>(extents.size()));
    for (const auto& extent : extents) {
        AGRI_ASSIGN(const FileExtent next, ResolveExtent(chunks, extent));
        if (next.length > length)
            return MakeError(ErrorCode::kCorrupt, "extents cover more than they should");
        length -= next.length;
        resolved.push_back(next);
    }
    if (length != 0) return MakeError(ErrorCode::kCorrupt, "extents cover less than they should");
    return resolved;
}

base::Error OfFile(base::Error error, const format::FileEntry& entry) {
    return std::move(error).In(fmt::format("file {}", QuotePath(entry.path())));
}

}  // namespace

base::Result<ParsedPage> ParseFilePage(base::ByteView plain, const format::FilePageRef& ref,
                                       FileOrder& order) {
    ParsedPage parsed;
    format::FilePage& page = parsed.page;
    if (!page.ParseFromArray(plain.data(), static_cast<int>(plain.size())))
        return MakeError(ErrorCode::kCorrupt, "a file page is not a FilePage message");
    if (ref.files() == 0 || static_cast<uint32_t>(page.files_size()) != ref.files() ||
        page.files(0).root() != ref.first_root() || page.files(0).path() != ref.first_path())
        return MakeError(ErrorCode::kCorrupt, "the page of file {} holds other files",
                         QuotePath(ref.first_path()));
    AGRI_ASSIGN(parsed.chunks, ResolveTable(page.pack_ids(), page.chunks()));
    for (const auto& entry : page.files()) {
        AGRI_TRY(CheckFileEntry(entry));
        AGRI_TRY(order.Next(entry));
    }
    return parsed;
}

base::Result<std::vector<FileExtent>> ResolveExtents(const ParsedPage& page,
                                                     const format::FileEntry& entry) {
    const uint64_t covered = entry.inline_content().empty() ? entry.size() : 0;
    auto extents = ResolveAll(page.chunks, entry.extents(), covered);
    if (!extents) return OfFile(std::move(extents).error(), entry);
    return extents;
}

base::Result<std::vector<StoredLeaf>> ResolveLeaves(const ParsedPage& page,
                                                    const format::FileEntry& entry) {
    std::vector<StoredLeaf> leaves;
    uint64_t length = entry.size();
    for (const auto& leaf : entry.leaves()) {
        auto chunk = ResolveChunk(page.page.pack_ids(), leaf.chunk());
        if (!chunk) return OfFile(std::move(chunk).error(), entry);
        if (leaf.length() == 0 || leaf.length() > length)
            return OfFile(MakeError(ErrorCode::kCorrupt, "leaves do not add up to its size"),
                          entry);
        length -= leaf.length();
        leaves.push_back({leaf.length(), *chunk});
    }
    if (length != 0)
        return OfFile(MakeError(ErrorCode::kCorrupt, "leaves do not add up to its size"), entry);
    return leaves;
}

base::Result<std::vector<FileExtent>> ParseLeaf(base::ByteView plain, uint64_t length) {
    format::Leaf leaf;
    if (!leaf.ParseFromArray(plain.data(), static_cast<int>(plain.size())))
        return MakeError(ErrorCode::kCorrupt, "a leaf is not a Leaf message");
    AGRI_ASSIGN(const std::vector<StoredChunk> chunks,
                ResolveTable(leaf.pack_ids(), leaf.chunks()));
    return ResolveAll(chunks, leaf.extents(), length);
}

}  // namespace agri::repo

// Checks of a pack's trailer, footer and references. Sums are formed so that no number from storage
// can make them wrap.
#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

constexpr std::string_view kTrailerMagic = "AGRIPEND";
// Header, one frame, footer frame and trailer.
constexpr uint64_t kMinPackBytes = kObjectHeaderBytes + 2 * kFrameOverheadBytes + kPackTrailerBytes;

base::Status CheckLengths(uint64_t stored_length, uint64_t plain_length) {
    if (plain_length == 0 || plain_length > kMaxFramePlainBytes || stored_length == 0 ||
        stored_length > plain_length)
        return MakeError(ErrorCode::kCorrupt,
                         "a chunk has impossible lengths ({} stored, {} plain)", stored_length,
                         plain_length);
    return {};
}

base::Status CheckUses(const format::PackFooter::Entry& entry) {
    for (const auto& use : entry.uses())
        if (uint64_t{use.chunk_offset()} + use.length() > entry.plain_length())
            return MakeError(ErrorCode::kCorrupt,
                             "the footer names bytes past the end of the chunk in frame {}",
                             entry.frame());
    return {};
}

}  // namespace

std::array<std::byte, kPackTrailerBytes> PackTrailer::Encode() const {
    std::array<std::byte, kPackTrailerBytes> bytes{};
    base::StoreLe(bytes.data(), footer_offset);
    base::StoreLe(bytes.data() + 8, footer_frame);
    std::memcpy(bytes.data() + 16, kTrailerMagic.data(), kTrailerMagic.size());
    return bytes;
}

base::Result<PackTrailer> PackTrailer::Decode(base::ByteView bytes) {
    if (bytes.size() != kPackTrailerBytes || base::AsText(bytes.subspan(16)) != kTrailerMagic ||
        base::LoadLe<uint32_t>(bytes.data() + 12) != 0)
        return MakeError(ErrorCode::kCorrupt, "the pack does not end in a trailer");
    PackTrailer trailer;
    trailer.footer_offset = base::LoadLe<uint64_t>(bytes.data());
    trailer.footer_frame = base::LoadLe<uint32_t>(bytes.data() + 8);
    return trailer;
}

std::optional<PackId> ToPackId(std::string_view bytes) {
    PackId id;
    if (bytes.size() != id.size()) return std::nullopt;
    std::memcpy(id.data(), bytes.data(), id.size());
    return id;
}

base::Status CheckPackRef(const format::PackRef& ref) {
    const std::optional<PackId> id = ToPackId(ref.pack_id());
    if (!id || ref.digest().size() != codec::Xxh128Digest{}.size())
        return MakeError(ErrorCode::kCorrupt, "a pack's identifier or digest has a wrong length");
    const std::string name = base::ToHex(*id);
    if (ref.length() < kMinPackBytes)
        return MakeError(ErrorCode::kCorrupt, "pack {} has an impossible length ({} bytes)", name,
                         ref.length());
    if (ref.header().size() != kObjectHeaderBytes)
        return MakeError(ErrorCode::kCorrupt, "the header of pack {} has a wrong length", name);
    AGRI_ASSIGN(const ObjectHeader header, ObjectHeader::Decode(base::AsBytes(ref.header()), name));
    if (header.kind != ObjectKind::kPack)
        return MakeError(ErrorCode::kCorrupt, "the header of pack {} is of another kind", name);
    return {};
}

base::Status CheckChunkBounds(const StoredChunk& chunk, uint64_t pack_length) {
    AGRI_TRY(CheckLengths(chunk.stored_length, chunk.plain_length));
    const uint64_t frame_bytes = kFrameOverheadBytes + chunk.stored_length;
    const uint64_t after = frame_bytes + kFrameOverheadBytes + kPackTrailerBytes;
    if (chunk.offset < kObjectHeaderBytes || pack_length < after ||
        chunk.offset > pack_length - after)
        return MakeError(
            ErrorCode::kCorrupt,
            "a chunk at offset {} with {} stored bytes lies outside the pack ({} bytes)",
            chunk.offset, chunk.stored_length, pack_length);
    return {};
}

base::Result<format::PackFooter> ParsePackFooter(base::ByteView plain, const PackTrailer& trailer) {
    format::PackFooter footer;
    if (!footer.ParseFromArray(plain.data(), static_cast<int>(plain.size())))
        return MakeError(ErrorCode::kCorrupt, "the footer is not a PackFooter message");
    uint64_t offset = kObjectHeaderBytes;
    uint32_t frame = 0;
    for (const auto& entry : footer.entries()) {
        AGRI_TRY(CheckLengths(entry.stored_length(), entry.plain_length()));
        if (entry.frame() != frame || entry.offset() != offset ||
            entry.digest().size() != codec::Xxh128Digest{}.size())
            return MakeError(ErrorCode::kCorrupt,
                             "the footer's entry {} does not follow its predecessor", frame);
        AGRI_TRY(CheckUses(entry));
        offset += kFrameOverheadBytes + entry.stored_length();
        ++frame;
    }
    if (offset != trailer.footer_offset || frame != trailer.footer_frame)
        return MakeError(ErrorCode::kCorrupt,
                         "the footer's entries do not end where the footer begins");
    return footer;
}

base::Result<StoredChunk> ResolveChunk(
    const google::protobuf::RepeatedPtrField<std::string>& pack_ids, const format::ChunkRef& ref) {
    if (ref.pack() >= static_cast<uint32_t>(pack_ids.size()))
        return MakeError(ErrorCode::kCorrupt, "a chunk refers to pack ordinal {} of {}", ref.pack(),
                         pack_ids.size());
    const std::optional<PackId> id = ToPackId(pack_ids[static_cast<int>(ref.pack())]);
    StoredChunk chunk;
    if (!id || ref.digest().size() != chunk.digest.size())
        return MakeError(ErrorCode::kCorrupt, "a chunk's pack or digest has a wrong length");
    chunk.pack = *id;
    chunk.frame = ref.frame();
    chunk.offset = ref.offset();
    chunk.stored_length = ref.stored_length();
    chunk.plain_length = ref.plain_length();
    std::memcpy(chunk.digest.data(), ref.digest().data(), chunk.digest.size());
    // Only the pack's length, which is not known here, bounds the offset from above.
    AGRI_TRY(CheckChunkBounds(chunk, UINT64_MAX));
    return chunk;
}

}  // namespace agri::repo

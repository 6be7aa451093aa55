// What a pack is made of besides sealed chunks (docs/repository-format.md, "Packs"): its trailer,
// its footer, its reference in a manifest. Every number that comes out of storage is checked here,
// once, before anything is allocated or read by it. Errors do not name the pack: callers add it.
#pragma once

#include <optional>
#include <string_view>

#include "repo/pack.hpp"

namespace agri::repo {

inline constexpr size_t kPackTrailerBytes = 24;

// A pack is closed when its footer passes this size …
inline constexpr size_t kFooterTargetBytes = 2u << 20;
// … to which one chunk's uses add at most this: together below kMaxFramePlainBytes.
inline constexpr size_t kMaxUsesBytes = 1u << 20;

// The last 24 bytes of a pack. They only help to find the footer.
struct PackTrailer {
    uint64_t footer_offset = 0;
    uint32_t footer_frame = 0;

    std::array<std::byte, kPackTrailerBytes> Encode() const;
    static base::Result<PackTrailer> Decode(base::ByteView bytes);
};

// Nothing when `bytes` is no pack id.
std::optional<PackId> ToPackId(std::string_view bytes);

// Lengths of ids, digest and header; the header is one of a pack; the length can hold a chunk.
base::Status CheckPackRef(const format::PackRef& ref);
// The chunk's frame lies between the header and the footer of a pack of that length.
base::Status CheckChunkBounds(const StoredChunk& chunk, uint64_t pack_length);
// The footer's entries are exactly the frames from the object's header to the footer itself.
base::Result<format::PackFooter> ParsePackFooter(base::ByteView plain, const PackTrailer& trailer);

}  // namespace agri::repo

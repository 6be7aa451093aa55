// Packs: immutable objects of tens of MiB that hold many sealed chunks and end in a footer index.
// One PackWriter per writing thread, so compression and sealing run in parallel without locks; a
// PackStore opens chunks by reference, from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "codec/digest.hpp"
#include "repo/repository.hpp"

namespace agri::repo {

struct PackLimits {
    uint64_t target_bytes = 32u << 20;  // a pack is closed when it reaches this stored size …
    uint32_t max_chunks = 4096;         // … or this many chunks
};

using PackId = std::array<std::byte, 16>;

// A stored chunk and the pack it went into; turned into ordinals when a page or leaf is built.
struct StoredChunk {
    PackId pack{};
    uint32_t frame = 0;
    uint64_t offset = 0;
    uint32_t stored_length = 0;
    uint32_t plain_length = 0;
    codec::Xxh128Digest digest{};

    bool operator==(const StoredChunk&) const = default;
};

struct ChunkUse {  // which file bytes a chunk holds: for the footer
    uint32_t root = 0;
    std::string path;
    uint64_t file_offset = 0;
    uint32_t chunk_offset = 0;
    uint32_t length = 0;
};

struct PackWriterOptions {
    std::string backup_id;
    uint64_t digest_seed = 0;
    int compression_level = 1;
    PackLimits limits;
    // Called before anything of a pack is stored, from the writing thread.
    std::function<void(const PackId&)> on_begin;
    // Called with every finished, durable pack, from the writing thread.
    std::function<void(format::PackRef)> on_pack;
    base::Random* random = nullptr;  // of pack ids; null: the kernel's
};

// Not thread-safe. Finish() must be called; destruction without it discards the open pack only. The
// incarnation must outlive it. After an error it takes nothing more: its open pack is discarded.
class PackWriter {
   public:
    PackWriter(const Incarnation& incarnation, PackWriterOptions options);
    ~PackWriter();
    PackWriter(PackWriter&&) noexcept;
    // Compresses, seals and appends one chunk (1 … kMaxFramePlainBytes bytes). Uses that would not
    // fit into the footer (about 1 MiB a chunk) are left out of it: the manifest is what a restore
    // needs.
    base::Result<StoredChunk> Append(base::ByteView plain, std::vector<ChunkUse> uses);
    // A chunk of our own metadata (file pages, leaves).
    base::Result<StoredChunk> AppendMetadata(base::ByteView plain);
    base::Status Finish();
    uint64_t stored_bytes() const;  // over all packs so far
    uint64_t digest_seed() const;

   private:
    struct State;
    std::unique_ptr<State> state_;
};

// Opens chunks of the packs that a manifest lists. Thread-safe after construction; each thread
// brings its own ChunkReader. The incarnation must outlive it.
class PackStore {
   public:
    explicit PackStore(const Incarnation& incarnation);
    ~PackStore();
    PackStore(PackStore&&) noexcept;
    // kCorrupt when the reference makes no sense or contradicts an earlier one to the same pack.
    base::Status Add(const format::PackRef& pack);
    size_t size() const;
    // Reads the whole pack and compares length, digest, frame chain and footer; every problem found
    // is one error in the result (empty: sound).
    std::vector<base::Error> VerifyPack(const PackId& pack) const;
    // All packs, in the order of their ids.
    std::vector<PackId> packs() const;
    // Null when no such pack was added.
    const format::PackRef* Find(const PackId& pack) const;
    const Incarnation& incarnation() const;

   private:
    struct State;
    std::unique_ptr<State> state_;
};

// Not thread-safe; keeps a few packs open and the last chunk decoded. The store must outlive it.
class ChunkReader {
   public:
    explicit ChunkReader(const PackStore& store, uint64_t digest_seed);
    ~ChunkReader();
    ChunkReader(ChunkReader&&) noexcept;
    // Authenticated and digest-checked plain bytes, valid until the next call. Errors name the
    // pack; a missing one is kCorrupt, because the backup that rests on it is.
    base::Result<base::ByteView> Read(const StoredChunk& chunk);

   private:
    struct State;
    std::unique_ptr<State> state_;
};

// Ordinal form ↔ StoredChunk. kCorrupt when an ordinal or a length is out of range.
base::Result<StoredChunk> ResolveChunk(
    const google::protobuf::RepeatedPtrField<std::string>& pack_ids, const format::ChunkRef& ref);

}  // namespace agri::repo

// Reads single chunks out of packs: one ranged read each, opened with a key derived from the header
// that the manifest carries, so the pack's own beginning is never fetched. Neighbouring chunks
// often lie in the same few packs: those stay open.
#include <list>
#include <optional>

#include "repo/pack.hpp"
#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

// A file that incrementals have rewritten draws its chunks from several backups' packs in turn.
constexpr size_t kOpenPacks = 16;

struct ReadPack {
    PackId id{};
    uint64_t length = 0;
    std::unique_ptr<storage::ObjectReader> reader;
    codec::ObjectKey key;
};

}  // namespace

struct ChunkReader::State {
    const PackStore& store;
    const uint64_t digest_seed;
    FrameCoder coder{kNoCompression};
    std::list<ReadPack> open;  // most recently used first
    base::Bytes frame;
    base::Bytes plain;
    std::optional<StoredChunk> last;  // what `plain` holds

    base::Result<ReadPack*> Acquire(const PackId& id);
    base::Result<ReadPack> Open(const PackId& id) const;
    base::Status Load(const StoredChunk& chunk);
};

base::Result<ReadPack> ChunkReader::State::Open(const PackId& id) const {
    const format::PackRef* ref = store.Find(id);
    if (ref == nullptr) return MakeError(ErrorCode::kCorrupt, "the backup does not list this pack");
    const std::string name = store.incarnation().keys().Pack(id);
    AGRI_ASSIGN(const ObjectHeader header,
                ObjectHeader::Decode(base::AsBytes(ref->header()), name));
    const Repository& repository = store.incarnation().repository();
    AGRI_ASSIGN(codec::ObjectKey key, repository.KeyFor(header, name));
    auto reader = repository.storage().Open(name);
    if (!reader && reader.error().code == ErrorCode::kNotFound)
        return MakeError(ErrorCode::kCorrupt, "the pack is missing");
    if (!reader) return std::move(reader).error();
    if ((*reader)->size_bytes() != ref->length())
        return MakeError(ErrorCode::kCorrupt, "the pack has {} bytes instead of {}",
                         (*reader)->size_bytes(), ref->length());
    return ReadPack{id, ref->length(), std::move(*reader), std::move(key)};
}

base::Result<ReadPack*> ChunkReader::State::Acquire(const PackId& id) {
    for (auto place = open.begin(); place != open.end(); ++place) {
        if (place->id != id) continue;
        open.splice(open.begin(), open, place);
        return &open.front();
    }
    AGRI_ASSIGN(ReadPack pack, Open(id));
    if (open.size() == kOpenPacks) open.pop_back();
    open.push_front(std::move(pack));
    return &open.front();
}

base::Status ChunkReader::State::Load(const StoredChunk& chunk) {
    AGRI_ASSIGN(ReadPack* const pack, Acquire(chunk.pack));
    AGRI_TRY(CheckChunkBounds(chunk, pack->length));
    const base::MutableBytes stored = base::Room(frame, kFrameOverheadBytes + chunk.stored_length);
    AGRI_TRY(pack->reader->Read(chunk.offset, stored));
    const base::MutableBytes content = base::Room(plain, chunk.plain_length);
    AGRI_TRY(coder.Decode(pack->key, chunk.frame, stored, false, content));
    if (codec::Xxh128(content, digest_seed) != chunk.digest)
        return MakeError(ErrorCode::kCorrupt,
                         "frame {} holds other content than the backup expects", chunk.frame);
    return {};
}

ChunkReader::ChunkReader(const PackStore& store, uint64_t digest_seed)
    : state_(new State{store, digest_seed}) {}
ChunkReader::~ChunkReader() = default;
ChunkReader::ChunkReader(ChunkReader&&) noexcept = default;

base::Result<base::ByteView> ChunkReader::Read(const StoredChunk& chunk) {
    if (state_->last != chunk) {
        state_->last.reset();
        base::Status loaded = state_->Load(chunk);
        if (!loaded)
            return NameObject(std::move(loaded).error(),
                              state_->store.incarnation().keys().Pack(chunk.pack));
        state_->last = chunk;
    }
    return base::ByteView(state_->plain).first(chunk.plain_length);
}

}  // namespace agri::repo

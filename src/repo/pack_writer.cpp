// Writes packs as streams: what leaves the coder goes to storage at once, and only the footer is
// collected, already serialised, so that its size is known to the byte. A pack exists for others
// (on_pack) when its object is durable.
#include "repo/pack.hpp"
#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ByteView;
using base::ErrorCode;
using base::MakeError;

namespace {

struct OpenPack {
    PackId id{};
    std::string name;
    std::array<std::byte, kObjectHeaderBytes> header{};
    codec::ObjectKey key;
    std::unique_ptr<storage::ObjectWriter> writer;
    codec::Xxh128Stream digest{0};
    std::string footer;  // serialised PackFooter: messages concatenate
    uint64_t offset = 0;
    uint32_t frames = 0;

    explicit OpenPack(codec::ObjectKey object_key) : key(std::move(object_key)) {}
    base::Status Put(ByteView data) {
        AGRI_TRY(writer->Append(data));
        digest.Update(data);
        offset += data.size();
        return {};
    }
};

// As many uses as fit into `room_bytes` of footer.
void AddUses(const std::vector<ChunkUse>& uses, size_t room_bytes,
             format::PackFooter::Entry& entry) {
    for (const ChunkUse& use : uses) {
        // Four numbers of at most 11 bytes each, and the framing of path and message.
        const size_t bound = use.path.size() + 64;
        if (bound > room_bytes) return;
        room_bytes -= bound;
        auto* added = entry.add_uses();
        added->set_root(use.root);
        added->set_path(use.path);
        added->set_file_offset(use.file_offset);
        added->set_chunk_offset(use.chunk_offset);
        added->set_length(use.length);
    }
}

}  // namespace

struct PackWriter::State {
    const Incarnation& incarnation;
    PackWriterOptions options;
    FrameCoder coder;
    std::unique_ptr<OpenPack> pack;
    uint64_t closed_bytes = 0;
    bool is_failed = false;

    State(const Incarnation& of, PackWriterOptions given)
        : incarnation(of), options(std::move(given)), coder(options.compression_level) {}

    base::Status Begin();
    base::Result<StoredChunk> Add(ByteView plain, const std::vector<ChunkUse>& uses,
                                  bool is_metadata);
    base::Status Close();
    bool IsFull() const {
        return pack->offset >= options.limits.target_bytes ||
               pack->frames >= options.limits.max_chunks ||
               pack->footer.size() > kFooterTargetBytes;
    }
    // Runs a step, and gives up for good when it fails: a pack with a hole must not be published.
    template <class Step>
    auto Guarded(Step step) -> decltype(step()) {
        if (is_failed) return MakeError(ErrorCode::kInternal, "the pack writer has failed before");
        auto outcome = step();
        if (!outcome) {
            is_failed = true;
            pack.reset();
        }
        return outcome;
    }
};

base::Status PackWriter::State::Begin() {
    PackId id;
    (options.random != nullptr ? *options.random : base::SystemRandom()).Fill(id);
    Repository& repository = incarnation.repository();
    const ObjectHeader header = repository.NewHeader(ObjectKind::kPack);
    std::string name = incarnation.keys().Pack(id);
    AGRI_ASSIGN(codec::ObjectKey key, repository.KeyFor(header, name));
    pack = std::make_unique<OpenPack>(std::move(key));
    pack->id = id;
    pack->name = std::move(name);
    pack->header = header.Encode();
    if (options.on_begin) options.on_begin(id);
    AGRI_ASSIGN(pack->writer, repository.storage().Create(pack->name));
    AGRI_TRY(pack->Put(pack->header));
    format::PackFooter start;
    start.set_backup_id(options.backup_id);
    start.set_digest_seed(options.digest_seed);
    pack->footer = start.SerializeAsString();
    return {};
}

base::Result<StoredChunk> PackWriter::State::Add(ByteView plain, const std::vector<ChunkUse>& uses,
                                                 bool is_metadata) {
    if (plain.empty() || plain.size() > kMaxFramePlainBytes)
        return MakeError(ErrorCode::kInternal, "a chunk of {} bytes cannot be stored",
                         plain.size());
    if (pack == nullptr) AGRI_TRY(Begin());
    StoredChunk chunk;
    chunk.pack = pack->id;
    chunk.frame = pack->frames;
    chunk.offset = pack->offset;
    chunk.plain_length = static_cast<uint32_t>(plain.size());
    chunk.digest = codec::Xxh128(plain, options.digest_seed);
    AGRI_ASSIGN(const ByteView frame, coder.Encode(pack->key, pack->frames, plain, false));
    chunk.stored_length = static_cast<uint32_t>(frame.size() - kFrameOverheadBytes);
    AGRI_TRY(pack->Put(frame));
    ++pack->frames;

    format::PackFooter addition;
    auto* entry = addition.add_entries();
    entry->set_frame(chunk.frame);
    entry->set_offset(chunk.offset);
    entry->set_stored_length(chunk.stored_length);
    entry->set_plain_length(chunk.plain_length);
    entry->set_digest(chunk.digest.data(), chunk.digest.size());
    entry->set_metadata(is_metadata);
    AddUses(uses, kMaxUsesBytes, *entry);
    addition.AppendToString(&pack->footer);

    if (IsFull()) AGRI_TRY(Close());
    return chunk;
}

base::Status PackWriter::State::Close() {
    const PackTrailer trailer{pack->offset, pack->frames};
    AGRI_ASSIGN(const ByteView footer,
                coder.Encode(pack->key, pack->frames, base::AsBytes(pack->footer), true));
    AGRI_TRY(pack->Put(footer));
    AGRI_TRY(pack->Put(trailer.Encode()));
    AGRI_ASSIGN(const storage::PutOutcome outcome, pack->writer->Commit());
    if (outcome != storage::PutOutcome::kCreated)
        return MakeError(ErrorCode::kConflict,
                         "another object stands under the fresh random name \"{}\"", pack->name)
            .WithHint("The random number generator of this machine repeats itself.");
    format::PackRef ref;
    ref.set_pack_id(pack->id.data(), pack->id.size());
    ref.set_length(pack->offset);
    const codec::Xxh128Digest digest = pack->digest.Finish();
    ref.set_digest(digest.data(), digest.size());
    ref.set_header(pack->header.data(), pack->header.size());
    closed_bytes += pack->offset;
    pack.reset();
    if (options.on_pack) options.on_pack(std::move(ref));
    return {};
}

PackWriter::PackWriter(const Incarnation& incarnation, PackWriterOptions options)
    : state_(std::make_unique<State>(incarnation, std::move(options))) {}
PackWriter::~PackWriter() = default;
PackWriter::PackWriter(PackWriter&&) noexcept = default;

base::Result<StoredChunk> PackWriter::Append(ByteView plain, std::vector<ChunkUse> uses) {
    return state_->Guarded([&] { return state_->Add(plain, uses, false); });
}

base::Result<StoredChunk> PackWriter::AppendMetadata(ByteView plain) {
    return state_->Guarded([&] { return state_->Add(plain, {}, true); });
}

base::Status PackWriter::Finish() {
    return state_->Guarded([&]() -> base::Status {
        if (state_->pack == nullptr) return {};
        return state_->Close();
    });
}

uint64_t PackWriter::stored_bytes() const {
    return state_->closed_bytes + (state_->pack == nullptr ? 0 : state_->pack->offset);
}

uint64_t PackWriter::digest_seed() const { return state_->options.digest_seed; }

}  // namespace agri::repo

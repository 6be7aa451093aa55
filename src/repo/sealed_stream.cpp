// Writing and reading an object front to back. A reader holds one frame and a small read-ahead,
// and takes an object for whole only when the frame marked last ends exactly where the object does.
#include <fmt/format.h>

#include <algorithm>

#include "repo/object.hpp"

namespace agri::repo {

namespace {

// Small objects and the first frame of large ones come with one request to the storage.
constexpr size_t kReadAheadBytes = 64u << 10;

std::string_view KindName(ObjectKind kind) {
    switch (kind) {
        case ObjectKind::kRecord:
            return "a record";
        case ObjectKind::kManifest:
            return "a manifest";
        case ObjectKind::kPack:
            return "a pack";
        case ObjectKind::kWal:
            return "a WAL object";
        case ObjectKind::kChangedBlocks:
            return "a map of changed blocks";
        case ObjectKind::kTail:
            return "a piece of the tail";
    }
    return "unknown";
}

}  // namespace

struct SealedWriter::State {
    std::unique_ptr<storage::ObjectWriter> writer;
    codec::ObjectKey key;
    FrameCoder coder;
    uint32_t next_frame = 0;
    uint64_t stored_bytes = 0;

    base::Status Append(base::ByteView plain, bool is_last) {
        AGRI_ASSIGN(base::ByteView frame, coder.Encode(key, next_frame, plain, is_last));
        AGRI_TRY(writer->Append(frame));
        ++next_frame;
        stored_bytes += frame.size();
        return {};
    }
};

SealedWriter::SealedWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealedWriter::~SealedWriter() = default;
SealedWriter::SealedWriter(SealedWriter&&) noexcept = default;

base::Result<SealedWriter> SealedWriter::Create(storage::Storage& storage,
                                                const SealingContext& sealing, ObjectKind kind,
                                                std::string_view key, int compression_level) {
    ObjectHeader header = sealing.NewHeader(kind);
    AGRI_ASSIGN(codec::ObjectKey object_key, sealing.KeyFor(header, key));
    AGRI_ASSIGN(auto writer, storage.Create(key));
    AGRI_TRY(writer->Append(header.Encode()));
    auto state = std::make_unique<State>(
        State{std::move(writer), std::move(object_key), FrameCoder(compression_level)});
    state->stored_bytes = kObjectHeaderBytes;
    return SealedWriter(std::move(state));
}

base::Status SealedWriter::AppendFrame(base::ByteView plain) {
    return state_->Append(plain, /*is_last=*/false);
}

base::Result<storage::PutOutcome> SealedWriter::Finish(base::ByteView last_plain) {
    AGRI_TRY(state_->Append(last_plain, /*is_last=*/true));
    return state_->writer->Commit();
}

uint64_t SealedWriter::stored_bytes() const { return state_->stored_bytes; }

struct SealedReader::State {
    std::string name;
    std::unique_ptr<storage::ObjectReader> reader;
    ObjectHeader header;
    std::optional<codec::ObjectKey> key;
    FrameCoder coder{kNoCompression};
    uint64_t size = 0;
    uint64_t offset = 0;  // of the next frame
    uint32_t next_frame = 0;
    bool at_end = false;
    base::Bytes window;  // bytes of the object from window_offset on
    uint64_t window_offset = 0;
    base::Bytes plain;

    // A view of `bytes` bytes at `offset`, valid until the next call.
    base::Result<base::ByteView> Peek(size_t bytes) {
        if (bytes > size - offset) return DamagedObject(name, "it ends early");
        if (offset < window_offset || offset + bytes > window_offset + window.size()) {
            window.resize(std::min<uint64_t>(std::max(bytes, kReadAheadBytes), size - offset));
            window_offset = offset;
            auto read = reader->Read(offset, window);
            if (!read) return std::move(read).error().In(fmt::format("object \"{}\"", name));
        }
        return base::ByteView(window).subspan(offset - window_offset, bytes);
    }
};

SealedReader::SealedReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SealedReader::~SealedReader() = default;
SealedReader::SealedReader(SealedReader&&) noexcept = default;

base::Result<SealedReader> SealedReader::OpenAnyKind(storage::Storage& storage,
                                                     const SealingContext& sealing,
                                                     std::string_view key) {
    auto state = std::make_unique<State>();
    state->name = key;
    AGRI_ASSIGN(state->reader, storage.Open(key));
    state->size = state->reader->size_bytes();
    AGRI_ASSIGN(base::ByteView bytes, state->Peek(kObjectHeaderBytes));
    AGRI_ASSIGN(state->header, ObjectHeader::Decode(bytes, key));
    AGRI_ASSIGN(codec::ObjectKey object_key, sealing.KeyFor(state->header, key));
    state->key.emplace(std::move(object_key));
    state->offset = kObjectHeaderBytes;
    return SealedReader(std::move(state));
}

base::Result<SealedReader> SealedReader::Open(storage::Storage& storage,
                                              const SealingContext& sealing, ObjectKind kind,
                                              std::string_view key) {
    AGRI_ASSIGN(SealedReader reader, OpenAnyKind(storage, sealing, key));
    if (reader.header().kind != kind)
        return DamagedObject(key, fmt::format("it is {} where {} was expected",
                                              KindName(reader.header().kind), KindName(kind)));
    return reader;
}

const ObjectHeader& SealedReader::header() const { return state_->header; }

base::Result<std::optional<base::ByteView>> SealedReader::Next() {
    State& state = *state_;
    if (state.at_end) return std::nullopt;
    AGRI_ASSIGN(base::ByteView header_bytes, state.Peek(kFrameHeaderBytes));
    auto header = FrameHeader::Decode(header_bytes);
    if (!header) return DamagedObject(state.name, header.error().message);
    size_t frame_bytes = kFrameOverheadBytes + header->stored_length;
    AGRI_ASSIGN(base::ByteView frame, state.Peek(frame_bytes));
    bool is_last = state.offset + frame_bytes == state.size;
    if (state.plain.size() < header->plain_length) state.plain.resize(header->plain_length);
    base::MutableBytes plain = base::MutableBytes(state.plain).first(header->plain_length);
    auto opened = state.coder.Decode(*state.key, state.next_frame, frame, is_last, plain);
    if (!opened) return NameObject(std::move(opened).error(), state.name);
    state.offset += frame_bytes;
    ++state.next_frame;
    state.at_end = is_last;
    return std::optional<base::ByteView>(plain);
}

uint64_t SealedReader::stored_bytes() const { return state_->size; }

}  // namespace agri::repo

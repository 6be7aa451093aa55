// Frames: the unit of compression and sealing. Encoding builds a frame in one buffer (compressed
// behind its header, encrypted in place); decoding checks the tag before it decompresses anything.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "repo/object.hpp"

namespace agri::repo {

namespace {

constexpr std::byte kLastFrameFlag{1};

base::Error DamagedFrame(std::string problem) { return {base::ErrorCode::kCorrupt, std::move(problem)}; }

}  // namespace

base::Result<FrameHeader> FrameHeader::Decode(base::ByteView bytes) {
    if (bytes.size() < kFrameHeaderBytes) return DamagedFrame("it ends in the header of a frame");
    FrameHeader header;
    header.stored_length = base::LoadLe<uint32_t>(bytes.data());
    header.plain_length = base::LoadLe<uint32_t>(bytes.data() + 4);
    auto codec = std::to_integer<uint8_t>(bytes[8]);
    if (header.plain_length > kMaxFramePlainBytes)
        return DamagedFrame(fmt::format("a frame claims {} bytes, above the limit of {}",
                                   header.plain_length, kMaxFramePlainBytes));
    if (header.stored_length > header.plain_length)
        return DamagedFrame("a frame is stored longer than it is");
    if (codec > static_cast<uint8_t>(FrameCodec::kZstd))
        return DamagedFrame(fmt::format("a frame has the unknown codec {}", codec));
    header.codec = static_cast<FrameCodec>(codec);
    if (header.codec == FrameCodec::kRaw && header.stored_length != header.plain_length)
        return DamagedFrame("the lengths of a frame contradict each other");
    if ((bytes[9] & ~kLastFrameFlag) != std::byte{0} || bytes[10] != std::byte{0} ||
        bytes[11] != std::byte{0})
        return DamagedFrame("the reserved bits of a frame are not zero");
    header.is_last = bytes[9] == kLastFrameFlag;
    return header;
}

std::array<std::byte, kFrameHeaderBytes> FrameHeader::Encode() const {
    std::array<std::byte, kFrameHeaderBytes> bytes{};
    base::StoreLe(bytes.data(), stored_length);
    base::StoreLe(bytes.data() + 4, plain_length);
    bytes[8] = static_cast<std::byte>(codec);
    bytes[9] = is_last ? kLastFrameFlag : std::byte{0};
    return bytes;
}

struct FrameCoder::State {
    std::optional<codec::Compressor> compressor;      // none: kNoCompression
    std::optional<codec::Decompressor> decompressor;  // made by the first frame that needs it
    codec::FrameCipher cipher;
    base::Bytes frame;   // what Encode returns a view of
    base::Bytes opened;  // a decrypted body that is still compressed
};

FrameCoder::FrameCoder(int compression_level) : state_(std::make_unique<State>()) {
    if (compression_level != kNoCompression) state_->compressor.emplace(compression_level);
}
FrameCoder::~FrameCoder() = default;
FrameCoder::FrameCoder(FrameCoder&&) noexcept = default;

base::Result<base::ByteView> FrameCoder::Encode(const codec::ObjectKey& key, uint32_t index,
                                                base::ByteView plain, bool is_last) {
    if (plain.size() > kMaxFramePlainBytes)
        return base::MakeError(base::ErrorCode::kInternal,
                               "a frame of {} bytes is above the limit of {}", plain.size(),
                               kMaxFramePlainBytes);
    FrameHeader header{.plain_length = static_cast<uint32_t>(plain.size()), .is_last = is_last};
    size_t body_room = plain.size();
    if (state_->compressor) body_room = std::max(body_room, codec::CompressBound(plain.size()));
    base::MutableBytes frame = base::Room(state_->frame, kFrameOverheadBytes + body_room);
    base::MutableBytes body = frame.subspan(kFrameHeaderBytes, body_room);
    size_t stored = plain.size();
    if (state_->compressor && !plain.empty()) {
        AGRI_ASSIGN(size_t compressed, state_->compressor->Compress(plain, body));
        if (compressed < plain.size()) {
            header.codec = FrameCodec::kZstd;
            stored = compressed;
        }
    }
    if (header.codec == FrameCodec::kRaw) std::copy(plain.begin(), plain.end(), body.begin());
    header.stored_length = static_cast<uint32_t>(stored);
    auto encoded = header.Encode();
    std::copy(encoded.begin(), encoded.end(), frame.begin());
    base::MutableBytes tag = frame.subspan(kFrameHeaderBytes + stored, codec::kTagBytes);
    AGRI_TRY(state_->cipher.Seal(key, index, encoded, body.first(stored), tag));
    return base::ByteView(frame.first(kFrameOverheadBytes + stored));
}

base::Status FrameCoder::Decode(const codec::ObjectKey& key, uint32_t index, base::ByteView frame,
                                bool is_last, base::MutableBytes plain) {
    AGRI_ASSIGN(FrameHeader header, FrameHeader::Decode(frame));
    if (frame.size() != kFrameOverheadBytes + header.stored_length)
        return DamagedFrame(fmt::format("frame {} has another length than it says", index));
    if (plain.size() != header.plain_length)
        return DamagedFrame(fmt::format("frame {} holds {} bytes, but {} were expected", index,
                                   header.plain_length, plain.size()));
    bool raw = header.codec == FrameCodec::kRaw;
    base::MutableBytes body = raw ? plain : base::Room(state_->opened, header.stored_length);
    base::ByteView sealed = frame.subspan(kFrameHeaderBytes, header.stored_length);
    std::copy(sealed.begin(), sealed.end(), body.begin());
    auto opened = state_->cipher.Open(key, index, frame.first(kFrameHeaderBytes), body,
                                      frame.last(codec::kTagBytes));
    if (!opened) {
        std::fill(plain.begin(), plain.end(), std::byte{0});
        if (opened.error().code != base::ErrorCode::kCorrupt) return std::move(opened).error();
        return DamagedFrame(fmt::format("frame {} is not what was written", index));
    }
    if (header.is_last != is_last)
        return DamagedFrame(is_last ? fmt::format("it was cut after frame {}", index)
                               : fmt::format("something follows its last frame {}", index));
    if (raw) return {};
    if (!state_->decompressor) state_->decompressor.emplace();
    return state_->decompressor->Decompress(body, plain);
}

}  // namespace agri::repo

// The footer is read first, so that the stream can be compared with it as it passes. A problem of
// one frame does not end the run: whoever salvages wants to know the extent of the damage.
#include "repo/pack_verifier.hpp"

namespace agri::repo {

using base::ByteView;
using base::Error;
using base::ErrorCode;
using base::MakeError;

namespace {

constexpr size_t kReadBytes = 1u << 20;
// Room for the longest frame and the read that completes it.
constexpr size_t kWindowBytes = kMaxFramePlainBytes + kFrameOverheadBytes + kReadBytes;
constexpr size_t kMaxProblems = 32;

}  // namespace

// A forward view of an object that digests everything that passes through it.
class PackVerifier::Window {
   public:
    explicit Window(const storage::ObjectReader& reader)
        : reader_(reader), buffer_(std::min<uint64_t>(reader.size_bytes(), kWindowBytes)) {}

    uint64_t offset() const { return offset_; }
    uint64_t remaining() const { return reader_.size_bytes() - offset_; }
    // The next `bytes`, which the object has and the buffer can hold; valid until the next call.
    base::Result<ByteView> Peek(size_t bytes) {
        while (end_ - begin_ < bytes) AGRI_TRY(Fill());
        return ByteView(buffer_).subspan(begin_, bytes);
    }
    void Skip(size_t bytes) {
        begin_ += bytes;
        offset_ += bytes;
    }
    // The digest of the whole object, whatever of it was looked at.
    base::Result<codec::Xxh128Digest> FinishDigest() {
        Skip(end_ - begin_);
        while (remaining() > 0) {
            AGRI_TRY(Fill());
            Skip(end_ - begin_);
        }
        return digest_.Finish();
    }

   private:
    base::Status Fill() {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        const uint64_t unread = remaining() - end_;
        const size_t bytes = std::min<uint64_t>({kReadBytes, unread, buffer_.size() - end_});
        const base::MutableBytes room(buffer_.data() + end_, bytes);
        AGRI_TRY(reader_.Read(offset_ + end_, room));
        digest_.Update(room);
        end_ += bytes;
        return {};
    }

    const storage::ObjectReader& reader_;
    base::Bytes buffer_;
    codec::Xxh128Stream digest_{0};
    size_t begin_ = 0;  // of the bytes in the buffer not yet skipped
    size_t end_ = 0;
    uint64_t offset_ = 0;  // of `begin_` in the object
};

PackVerifier::PackVerifier(const Incarnation& incarnation, const format::PackRef& ref)
    : incarnation_(incarnation),
      ref_(ref),
      name_(incarnation.keys().Pack(*ToPackId(ref.pack_id()))) {}
PackVerifier::~PackVerifier() = default;

base::MutableBytes PackVerifier::PlainRoom(size_t bytes) {
    if (plain_.size() < bytes) plain_.resize(bytes);
    return base::MutableBytes(plain_).first(bytes);
}

void PackVerifier::Report(Error problem) {
    if (problems_.size() == kMaxProblems)
        problems_.push_back(DamagedObject(name_, "it has more problems than are listed here"));
    if (problems_.size() < kMaxProblems) problems_.push_back(NameObject(std::move(problem), name_));
}

std::vector<Error> PackVerifier::Run() {
    base::Status opened = OpenPack();
    if (!opened) {
        Report(std::move(opened).error());
        return std::move(problems_);
    }
    base::Status footer = ReadFooter();
    if (!footer) Report(std::move(footer).error().In("footer"));
    CheckStream();
    return std::move(problems_);
}

base::Status PackVerifier::OpenPack() {
    AGRI_ASSIGN(const ObjectHeader header,
                ObjectHeader::Decode(base::AsBytes(ref_.header()), name_));
    const Repository& repository = incarnation_.repository();
    AGRI_ASSIGN(codec::ObjectKey key, repository.KeyFor(header, name_));
    key_ = std::make_unique<codec::ObjectKey>(std::move(key));
    auto reader = repository.storage().Open(name_);
    if (!reader && reader.error().code == ErrorCode::kNotFound)
        return MakeError(ErrorCode::kCorrupt, "the pack is missing");
    if (!reader) return std::move(reader).error();
    reader_ = std::move(*reader);
    if (reader_->size_bytes() != ref_.length())
        Report(MakeError(ErrorCode::kCorrupt, "the pack has {} bytes instead of {}",
                         reader_->size_bytes(), ref_.length()));
    return {};
}

base::Status PackVerifier::ReadFooter() {
    const uint64_t size = reader_->size_bytes();
    constexpr size_t kLeast = kObjectHeaderBytes + kFrameOverheadBytes + kPackTrailerBytes;
    if (size < kLeast) return MakeError(ErrorCode::kCorrupt, "the pack is too short to have one");
    std::array<std::byte, kPackTrailerBytes> end;
    AGRI_TRY(reader_->Read(size - end.size(), end));
    AGRI_ASSIGN(const PackTrailer trailer, PackTrailer::Decode(end));
    const uint64_t offset = trailer.footer_offset;
    if (offset < kObjectHeaderBytes || offset > size - kPackTrailerBytes - kFrameOverheadBytes ||
        size - kPackTrailerBytes - offset > kFrameOverheadBytes + kMaxFramePlainBytes)
        return MakeError(ErrorCode::kCorrupt, "the trailer points outside the pack");
    base::Bytes frame(size - kPackTrailerBytes - offset);
    AGRI_TRY(reader_->Read(offset, frame));
    AGRI_ASSIGN(const FrameHeader header,
                FrameHeader::Decode(ByteView(frame).first(kFrameHeaderBytes)));
    if (frame.size() != kFrameOverheadBytes + header.stored_length)
        return MakeError(ErrorCode::kCorrupt, "its frame does not end at the trailer");
    const base::MutableBytes plain = PlainRoom(header.plain_length);
    AGRI_TRY(coder_.Decode(*key_, trailer.footer_frame, frame, true, plain));
    trailer_ = trailer;
    AGRI_ASSIGN(footer_, ParsePackFooter(plain, trailer));
    return {};
}

void PackVerifier::CheckStream() {
    Window window(*reader_);
    base::Status checked = CheckHeader(window);
    if (!checked) Report(std::move(checked).error());
    checked = CheckFrames(window);
    if (!checked) Report(std::move(checked).error());
    const base::Result<codec::Xxh128Digest> digest = window.FinishDigest();
    if (!digest)
        Report(digest.error());
    else if (base::AsText(*digest) != ref_.digest())
        Report(MakeError(ErrorCode::kCorrupt, "the stored bytes have another digest"));
}

base::Status PackVerifier::CheckHeader(Window& window) {
    if (window.remaining() < kObjectHeaderBytes)
        return MakeError(ErrorCode::kCorrupt, "the pack ends within its header");
    AGRI_ASSIGN(const ByteView header, window.Peek(kObjectHeaderBytes));
    const bool is_equal = base::AsText(header) == ref_.header();
    window.Skip(kObjectHeaderBytes);
    if (!is_equal) return MakeError(ErrorCode::kCorrupt, "the header is not the one written");
    return {};
}

base::Status PackVerifier::CheckFrames(Window& window) {
    for (uint32_t index = 0;; ++index) {
        const uint64_t offset = window.offset();
        if (window.remaining() < kFrameOverheadBytes + kPackTrailerBytes)
            return MakeError(ErrorCode::kCorrupt, "the pack ends before its last frame");
        AGRI_ASSIGN(const ByteView header_bytes, window.Peek(kFrameHeaderBytes));
        base::Result<FrameHeader> header = FrameHeader::Decode(header_bytes);
        if (!header) return std::move(header).error().In(fmt::format("frame {}", index));
        const size_t frame_bytes = kFrameOverheadBytes + header->stored_length;
        if (window.remaining() - kPackTrailerBytes < frame_bytes)
            return MakeError(ErrorCode::kCorrupt, "frame {} goes past the end of the pack", index);
        AGRI_ASSIGN(const ByteView frame, window.Peek(frame_bytes));
        base::Status checked = CheckFrame(frame, *header, index, offset);
        if (!checked) Report(std::move(checked).error().In(fmt::format("frame {}", index)));
        window.Skip(frame_bytes);
        if (header->is_last) break;
    }
    if (window.remaining() != kPackTrailerBytes)
        return MakeError(ErrorCode::kCorrupt, "the pack goes on after its last frame");
    return {};
}

base::Status PackVerifier::CheckFrame(ByteView frame, const FrameHeader& header, uint32_t index,
                                      uint64_t offset) {
    const base::MutableBytes plain = PlainRoom(header.plain_length);
    AGRI_TRY(coder_.Decode(*key_, index, frame, header.is_last, plain));
    if (header.is_last) {
        if (trailer_ && (trailer_->footer_offset != offset || trailer_->footer_frame != index))
            return MakeError(ErrorCode::kCorrupt, "the trailer points to another footer");
        return {};
    }
    if (!footer_) return {};
    if (index >= static_cast<uint32_t>(footer_->entries_size()))
        return MakeError(ErrorCode::kCorrupt, "the footer does not list it");
    const auto& entry = footer_->entries(static_cast<int>(index));
    if (entry.offset() != offset || entry.stored_length() != header.stored_length ||
        entry.plain_length() != header.plain_length)
        return MakeError(ErrorCode::kCorrupt,
                         "the footer says it is elsewhere or of another length");
    const codec::Xxh128Digest digest = codec::Xxh128(plain, footer_->digest_seed());
    if (base::AsText(digest) != entry.digest())
        return MakeError(ErrorCode::kCorrupt, "the footer holds another digest of its content");
    return {};
}

}  // namespace agri::repo

// libFuzzer entry of the container: headers, frames, records, descriptors and key slots. The first
// byte chooses what the rest is. Objects are unsealed ones whose tags are made right first, so that
// mutation reaches what lies behind them; the same bytes are then read with their own tags too.
#include <cstddef>
#include <cstdint>

#include "repo/descriptor.hpp"
#include "repo/key_slot.hpp"
#include "repo/object.hpp"
#include "repo/record.hpp"
#include "storage/memory_storage.hpp"

namespace {

using namespace agri;

constexpr const char* kKey = "clusters/main/object";

class UnsealedContext final : public repo::SealingContext {
   public:
    const repo::RepositoryId& repository_id() const override { return id_; }
    codec::SealingMethod method() const override { return codec::SealingMethod::kNone; }
    uint32_t current_key_version() const override { return 0; }
    repo::ObjectHeader NewHeader(repo::ObjectKind kind) const override {
        return {.kind = kind, .sealing = codec::SealingMethod::kNone, .repository_id = id_};
    }
    base::Result<codec::ObjectKey> KeyFor(const repo::ObjectHeader& header,
                                          std::string_view name) const override {
        AGRI_TRY(repo::CheckHeader(header, *this, name));
        return repo::DeriveObjectKey(header, {}, name);
    }

   private:
    const repo::RepositoryId id_{};
};

// Puts the tag that belongs there behind every frame that can be told.
void CorrectTags(const repo::SealingContext& sealing, base::Bytes& object) {
    auto header = repo::ObjectHeader::Decode(object, kKey);
    if (!header) return;
    auto key = sealing.KeyFor(*header, kKey);
    if (!key) return;
    codec::FrameCipher cipher;
    size_t offset = repo::kObjectHeaderBytes;
    for (uint32_t index = 0; offset < object.size(); ++index) {
        base::MutableBytes rest = base::MutableBytes(object).subspan(offset);
        auto frame = repo::FrameHeader::Decode(rest);
        if (!frame || rest.size() < repo::kFrameOverheadBytes + frame->stored_length) return;
        base::MutableBytes body = rest.subspan(repo::kFrameHeaderBytes, frame->stored_length);
        base::MutableBytes tag =
            rest.subspan(repo::kFrameHeaderBytes + frame->stored_length, codec::kTagBytes);
        (void)cipher.Seal(*key, index, rest.first(repo::kFrameHeaderBytes), body, tag);
        offset += repo::kFrameOverheadBytes + frame->stored_length;
    }
}

void ReadObject(const UnsealedContext& sealing, const base::Bytes& object) {
    auto disk = std::make_shared<test::MemoryDisk>();
    disk->Overwrite(kKey, object);
    test::MemoryStorage storage(disk);
    if (auto record = repo::GetRecord(storage, sealing, kKey)) {
        repo::format::WriterClaim claim;
        (void)claim.ParseFromArray(record->data(), static_cast<int>(record->size()));
    }
    auto reader = repo::SealedReader::OpenAnyKind(storage, sealing, kKey);
    while (reader) {
        auto frame = reader->Next();
        if (!frame || !*frame) return;
    }
}

// The input becomes frames behind a header that fits; a leading byte of it may damage that header.
void ReadFrames(base::ByteView input) {
    UnsealedContext sealing;
    auto header = sealing.NewHeader(repo::ObjectKind::kRecord).Encode();
    base::Bytes object(header.begin(), header.end());
    if (!input.empty()) {
        object[std::to_integer<size_t>(input[0]) % 256 % object.size()] ^=
            input[0] & std::byte{0x80};
        input = input.subspan(1);
    }
    object.insert(object.end(), input.begin(), input.end());
    ReadObject(sealing, object);
    CorrectTags(sealing, object);
    ReadObject(sealing, object);
}

// Whatever goes in must come out, at any level.
void RoundTrip(base::ByteView input) {
    if (input.size() < 2) return;
    UnsealedContext sealing;
    auto key = sealing.KeyFor(sealing.NewHeader(repo::ObjectKind::kPack), kKey);
    int level = std::to_integer<int>(input[0]) % 10 - 5;
    repo::FrameCoder coder(level == 0 ? repo::kNoCompression : level);
    base::ByteView plain = input.subspan(1);
    auto frame = coder.Encode(*key, 1, plain, false);
    if (!frame) __builtin_trap();
    base::Bytes copy(frame->begin(), frame->end());
    base::Bytes back(plain.size());
    if (!coder.Decode(*key, 1, copy, false, back)) __builtin_trap();
    if (!std::equal(plain.begin(), plain.end(), back.begin())) __builtin_trap();
}

void ReadKeySlot(base::ByteView input) {
    auto slot = repo::ParseKeySlot(input, "slot");
    if (slot) (void)repo::UnwrapKey(*slot, codec::Secret(codec::kKeyBytes), {}, "slot");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    base::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
    switch (data[0] % 5) {
        case 0:
            ReadFrames(input);
            break;
        case 1:
            RoundTrip(input);
            break;
        case 2:
            (void)repo::Descriptor::Parse(base::AsText(input), "a repository");
            break;
        case 3:
            ReadKeySlot(input);
            break;
        default:
            (void)repo::ObjectHeader::Decode(input, kKey);
            (void)repo::FrameHeader::Decode(input);
            break;
    }
    return 0;
}

// The object header, the key that is bound to it and to the object's name, and one-frame records.
// Nothing a header says is believed here beyond its form: the frames' tags vouch for it.
#include "repo/object.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace agri::repo {

namespace {

constexpr std::string_view kMagic = "AGRIBKUP";
constexpr std::string_view kObjectKeyInfo = "agri_backup object v1";
constexpr int kRecordCompressionLevel = 3;
constexpr uint64_t kMaxRecordBytes =
    kObjectHeaderBytes + kFrameOverheadBytes + uint64_t{kMaxFramePlainBytes};

bool IsKnownKind(uint8_t kind) {
    return kind >= static_cast<uint8_t>(ObjectKind::kRecord) &&
           kind <= static_cast<uint8_t>(ObjectKind::kTail);
}

void Append(base::Bytes& to, base::ByteView what) { to.insert(to.end(), what.begin(), what.end()); }

}  // namespace

base::Error DamagedObject(std::string_view object_name, std::string_view problem) {
    return base::MakeError(base::ErrorCode::kCorrupt, "object \"{}\" is damaged: {}", object_name,
                           problem)
        .WithHint(std::string(kDamagedObjectHint));
}

base::Error NameObject(base::Error error, std::string_view object_name) {
    if (error.code == base::ErrorCode::kCorrupt) return DamagedObject(object_name, error.message);
    return std::move(error).In(fmt::format("object \"{}\"", object_name));
}

std::array<std::byte, kObjectHeaderBytes> ObjectHeader::Encode() const {
    std::array<std::byte, kObjectHeaderBytes> bytes{};
    std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
    base::StoreLe(bytes.data() + 8, container_version);
    bytes[10] = static_cast<std::byte>(kind);
    bytes[11] = static_cast<std::byte>(sealing);
    base::StoreLe(bytes.data() + 12, key_version);
    std::copy(repository_id.begin(), repository_id.end(), bytes.begin() + 16);
    std::copy(salt.begin(), salt.end(), bytes.begin() + 32);
    return bytes;
}

base::Result<ObjectHeader> ObjectHeader::Decode(base::ByteView bytes,
                                                std::string_view object_name) {
    if (bytes.size() < kObjectHeaderBytes)
        return DamagedObject(object_name, "it ends in its header");
    if (base::AsText(bytes.first(kMagic.size())) != kMagic)
        return DamagedObject(object_name, "it does not begin as an object of a repository");
    ObjectHeader header;
    header.container_version = base::LoadLe<uint16_t>(bytes.data() + 8);
    if (header.container_version > kContainerVersion)
        return base::MakeError(base::ErrorCode::kUnsupported,
                               "object \"{}\" has container version {}, newer than this program "
                               "understands ({})",
                               object_name, header.container_version, kContainerVersion)
            .WithHint("Upgrade agri_backup on this machine.");
    if (header.container_version == 0) return DamagedObject(object_name, "it has no version");
    auto kind = std::to_integer<uint8_t>(bytes[10]);
    auto sealing = std::to_integer<uint8_t>(bytes[11]);
    if (!IsKnownKind(kind))
        return DamagedObject(object_name, fmt::format("its kind {} is unknown", kind));
    if (sealing > static_cast<uint8_t>(codec::SealingMethod::kAes256Gcm))
        return DamagedObject(object_name, fmt::format("its sealing {} is unknown", sealing));
    header.kind = static_cast<ObjectKind>(kind);
    header.sealing = static_cast<codec::SealingMethod>(sealing);
    header.key_version = base::LoadLe<uint32_t>(bytes.data() + 12);
    std::copy_n(bytes.begin() + 16, header.repository_id.size(), header.repository_id.begin());
    std::copy_n(bytes.begin() + 32, header.salt.size(), header.salt.begin());
    return header;
}

base::Status CheckHeader(const ObjectHeader& header, const SealingContext& sealing,
                         std::string_view object_name) {
    if (header.repository_id != sealing.repository_id())
        return DamagedObject(object_name, fmt::format("it belongs to repository {}, not to {}",
                                                      base::ToHex(header.repository_id),
                                                      base::ToHex(sealing.repository_id())));
    if (header.sealing != sealing.method())
        return DamagedObject(object_name, header.sealing == codec::SealingMethod::kNone
                                              ? "it is not encrypted, but its repository is"
                                              : "it is encrypted, but its repository is not");
    if (header.sealing == codec::SealingMethod::kNone && header.key_version != 0)
        return DamagedObject(object_name, "it names a key, but is not encrypted");
    return {};
}

codec::ObjectKey DeriveObjectKey(const ObjectHeader& header, base::ByteView repository_key,
                                 std::string_view object_name) {
    auto encoded = header.Encode();
    base::Bytes context;
    if (header.sealing == codec::SealingMethod::kNone) {
        Append(context, encoded);
        Append(context, base::AsBytes(object_name));
        codec::Secret seed(sizeof(uint64_t));
        base::StoreLe<uint64_t>(seed.mutable_view().data(),
                                XXH3_64bits(context.data(), context.size()));
        return {header.sealing, std::move(seed)};
    }
    std::array<std::byte, 2> name_length;
    base::StoreLe(name_length.data(), static_cast<uint16_t>(object_name.size()));
    Append(context, base::AsBytes(kObjectKeyInfo));
    Append(context, encoded);
    Append(context, name_length);
    Append(context, base::AsBytes(object_name));
    return {header.sealing, codec::DeriveKey(repository_key, header.salt, context)};
}

base::Result<storage::PutOutcome> PutRecord(storage::Storage& storage,
                                            const SealingContext& sealing, std::string_view key,
                                            base::ByteView plain) {
    AGRI_ASSIGN(SealedWriter writer, SealedWriter::Create(storage, sealing, ObjectKind::kRecord,
                                                          key, kRecordCompressionLevel));
    return writer.Finish(plain);
}

base::Result<base::Bytes> GetRecord(storage::Storage& storage, const SealingContext& sealing,
                                    std::string_view key) {
    AGRI_ASSIGN(base::Bytes object, storage.Get(key, kMaxRecordBytes));
    AGRI_ASSIGN(ObjectHeader header, ObjectHeader::Decode(object, key));
    if (header.kind != ObjectKind::kRecord) return DamagedObject(key, "it is not a record");
    AGRI_ASSIGN(codec::ObjectKey object_key, sealing.KeyFor(header, key));
    base::ByteView frame = base::ByteView(object).subspan(kObjectHeaderBytes);
    auto frame_header = FrameHeader::Decode(frame);
    if (!frame_header) return DamagedObject(key, frame_header.error().message);
    base::Bytes plain(frame_header->plain_length);
    FrameCoder coder(kNoCompression);
    auto opened = coder.Decode(object_key, 0, frame, /*is_last=*/true, plain);
    if (!opened) return NameObject(std::move(opened).error(), key);
    return plain;
}

}  // namespace agri::repo

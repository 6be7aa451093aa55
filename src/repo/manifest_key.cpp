// A manifest's key is where a backup's life is decided by put-if-absent, so every reader of it must
// be ready to find either outcome.
#include "repo/manifest_key.hpp"

#include "repo/catalog.hpp"
#include "repo/manifest_checks.hpp"

namespace agri::repo {

using base::ByteView;
using base::ErrorCode;
using base::MakeError;

namespace {

base::Result<format::Tombstone> ReadTombstone(SealedReader& reader, std::string_view key,
                                              std::string_view backup_id) {
    AGRI_ASSIGN(const std::optional<ByteView> plain, reader.Next());
    format::Tombstone tombstone;
    if (!plain || !tombstone.ParseFromArray(plain->data(), static_cast<int>(plain->size())) ||
        tombstone.backup_id() != backup_id)
        return DamagedObject(key, "it is a record, but not the tombstone of this backup");
    AGRI_ASSIGN(const std::optional<ByteView> more, reader.Next());
    if (more) return DamagedObject(key, "something follows the tombstone");
    return tombstone;
}

}  // namespace

base::Result<std::variant<SealedReader, format::Tombstone>> OpenManifestKey(
    const Incarnation& incarnation, std::string_view backup_id) {
    using Found = std::variant<SealedReader, format::Tombstone>;
    if (!IsValidBackupId(backup_id))
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no backup identifier", backup_id);
    Repository& repository = incarnation.repository();
    const std::string key = incarnation.keys().Manifest(backup_id);
    auto reader = SealedReader::OpenAnyKind(repository.storage(), repository, key);
    if (!reader && reader.error().code == ErrorCode::kNotFound)
        return MakeError(ErrorCode::kNotFound, "backup \"{}\" does not exist", backup_id);
    if (!reader) return std::move(reader).error();
    switch (reader->header().kind) {
        case ObjectKind::kManifest:
            return Found(std::move(*reader));
        case ObjectKind::kRecord: {
            AGRI_ASSIGN(format::Tombstone tombstone, ReadTombstone(*reader, key, backup_id));
            return Found(std::move(tombstone));
        }
        default:
            return DamagedObject(key, "it is neither a manifest nor a tombstone");
    }
}

base::Result<SealedReader> OpenManifest(const Incarnation& incarnation,
                                        std::string_view backup_id) {
    AGRI_ASSIGN(auto found, OpenManifestKey(incarnation, backup_id));
    if (const auto* tombstone = std::get_if<format::Tombstone>(&found))
        return MakeError(ErrorCode::kNotFound, "backup \"{}\" {}", backup_id,
                         DescribeTombstone(*tombstone));
    return std::get<SealedReader>(std::move(found));
}

base::Result<format::ManifestHeader> ReadHeaderFrame(const Incarnation& incarnation,
                                                     std::string_view backup_id,
                                                     SealedReader& reader) {
    const std::string key = incarnation.keys().Manifest(backup_id);
    AGRI_ASSIGN(const std::optional<ByteView> plain, reader.Next());
    format::ManifestHeader header;
    if (!plain || !header.ParseFromArray(plain->data(), static_cast<int>(plain->size())))
        return DamagedObject(key, "its first frame is not a ManifestHeader message");
    base::Status checked = CheckManifestHeader(header, incarnation, backup_id);
    if (!checked) return NameObject(std::move(checked).error(), key);
    return header;
}

std::string DescribeTombstone(const format::Tombstone& tombstone) {
    const base::WallTime at{std::chrono::microseconds(tombstone.at_us())};
    return fmt::format("was given up by host \"{}\" at {}: {}", tombstone.host(),
                       base::FormatTime(at), tombstone.reason());
}

base::Result<format::ManifestHeader> ReadManifestHeader(const Incarnation& incarnation,
                                                        std::string_view backup_id) {
    AGRI_ASSIGN(SealedReader reader, OpenManifest(incarnation, backup_id));
    return ReadHeaderFrame(incarnation, backup_id, reader);
}

}  // namespace agri::repo

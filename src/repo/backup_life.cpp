// The records of a backup's life: the intent while it runs, and the tombstones by which it and
// whoever gives it up or expires it meet. Every decision is one put-if-absent
// (docs/repository-format.md, "Intents and tombstones").
#include <algorithm>
#include <tuple>

#include "repo/catalog.hpp"
#include "repo/manifest_key.hpp"
#include "repo/readable_message.hpp"
#include "repo/record.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

base::Status CheckBackupId(std::string_view backup_id) {
    if (IsValidBackupId(backup_id)) return {};
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no backup identifier", backup_id);
}

base::Result<format::BackupIntent> ReadIntent(const Incarnation& incarnation,
                                              const std::string& backup_id) {
    const std::string key = incarnation.keys().Intent(backup_id);
    AGRI_ASSIGN(auto intent, GetMessage<format::BackupIntent>(incarnation.repository(), key));
    if (intent.backup_id() != backup_id)
        return DamagedObject(key, "it is not the intent of this backup");
    return intent;
}

base::Result<storage::PutOutcome> PutTombstoneAt(const Incarnation& incarnation,
                                                 const std::string& key,
                                                 const format::Tombstone& tombstone) {
    AGRI_TRY(CheckBackupId(tombstone.backup_id()));
    AGRI_ASSIGN(const std::string plain, SerializeReadably(tombstone, "the tombstone"));
    Repository& repository = incarnation.repository();
    return PutRecord(repository.storage(), repository, key, base::AsBytes(plain));
}

base::Error LostParent(const format::ManifestHeader& header, std::string_view parent,
                       std::string_view what) {
    return MakeError(ErrorCode::kConflict,
                     "could not commit backup \"{}\": the backup \"{}\" that it builds upon {}",
                     header.backup_id(), parent, what)
        .WithHint("Start another backup; it chooses a parent that is there.");
}

}  // namespace

base::Result<std::vector<format::BackupIntent>> ListIntents(const Incarnation& incarnation) {
    AGRI_ASSIGN(const std::vector<std::string> names,
                incarnation.repository().storage().Children(incarnation.keys().IntentFolder()));
    std::vector<format::BackupIntent> intents;
    for (const std::string& name : names) {
        if (!IsValidBackupId(name)) continue;
        auto intent = ReadIntent(incarnation, name);
        // It was removed since it was listed: that backup has ended.
        if (!intent && intent.error().code == ErrorCode::kNotFound) continue;
        if (!intent) return std::move(intent).error();
        intents.push_back(std::move(*intent));
    }
    std::sort(intents.begin(), intents.end(), [](const auto& a, const auto& b) {
        return std::tuple(a.since_us(), std::string_view(a.backup_id())) <
               std::tuple(b.since_us(), std::string_view(b.backup_id()));
    });
    return intents;
}

base::Status PutIntent(const Incarnation& incarnation, const format::BackupIntent& intent) {
    AGRI_TRY(CheckBackupId(intent.backup_id()));
    Repository& repository = incarnation.repository();
    AGRI_ASSIGN(
        const storage::PutOutcome outcome,
        PutRecord(repository.storage(), repository, incarnation.keys().Intent(intent.backup_id()),
                  base::AsBytes(intent.SerializeAsString())));
    if (outcome == storage::PutOutcome::kCreated) return {};
    return MakeError(ErrorCode::kAlreadyExists, "backup \"{}\" is already under way",
                     intent.backup_id());
}

base::Status RemoveIntent(const Incarnation& incarnation, std::string_view backup_id) {
    AGRI_TRY(CheckBackupId(backup_id));
    return incarnation.repository().storage().Remove(incarnation.keys().Intent(backup_id));
}

base::Status PutTombstone(const Incarnation& incarnation, const format::Tombstone& tombstone) {
    const std::string& backup_id = tombstone.backup_id();
    const std::string key = incarnation.keys().Manifest(backup_id);
    AGRI_ASSIGN(const storage::PutOutcome outcome, PutTombstoneAt(incarnation, key, tombstone));
    if (outcome == storage::PutOutcome::kCreated) return {};
    AGRI_ASSIGN(const auto there, OpenManifestKey(incarnation, backup_id));
    if (std::holds_alternative<SealedReader>(there))
        return MakeError(ErrorCode::kConflict,
                         "could not give up backup \"{}\", because it is committed", backup_id);
    return incarnation.repository().storage().EnsureDurable(key);
}

base::Status PutExpired(const Incarnation& incarnation, const format::Tombstone& tombstone) {
    const std::string key = incarnation.keys().Expired(tombstone.backup_id());
    AGRI_ASSIGN(const storage::PutOutcome outcome, PutTombstoneAt(incarnation, key, tombstone));
    if (outcome == storage::PutOutcome::kCreated) return {};
    return incarnation.repository().storage().EnsureDurable(key);
}

base::Status CheckParents(const Incarnation& incarnation, const format::ManifestHeader& header) {
    storage::Storage& storage = incarnation.repository().storage();
    for (const std::string& parent : header.parents()) {
        auto manifest = OpenManifest(incarnation, parent);
        if (!manifest && manifest.error().code == ErrorCode::kNotFound)
            return LostParent(header, parent, "does not exist any more");
        // A damaged one still stands there, and keeps its packs; no restore of the child needs it.
        if (!manifest && manifest.error().code != ErrorCode::kCorrupt)
            return std::move(manifest).error();
        AGRI_ASSIGN(const std::optional<uint64_t> expired,
                    storage.Stat(incarnation.keys().Expired(parent)));
        if (expired) return LostParent(header, parent, "has expired");
    }
    return {};
}

}  // namespace agri::repo

// Which backups exist. Ordered by timeline and LSN, never by a clock.
#pragma once

#include <string>
#include <vector>

#include "repo/manifest.hpp"

namespace agri::repo {

// Errors of one object. All others concern the storage itself: a listing that lacked backups
// because of them would be a lie.
bool ConcernsOneObject(base::ErrorCode code);

struct CatalogEntry {
    format::ManifestHeader header;
    // Empty when sound; otherwise why this backup's manifest cannot be read (the id is in header).
    std::string problem;
};

// Every committed backup, by the timeline and LSN of its stop point, unreadable manifests last,
// with their problem; tombstones and expired backups are left out. Storage that cannot be reached
// is an error, not a short list.
base::Result<std::vector<CatalogEntry>> ListBackups(const Incarnation& incarnation);
// Identifiers of the backups that are marked as expired and not all gone yet.
base::Result<std::vector<std::string>> ListExpired(const Incarnation& incarnation);
// Backups under way (their intents), oldest first. An unreadable intent is an error: whoever
// collects garbage must not overlook it.
base::Result<std::vector<format::BackupIntent>> ListIntents(const Incarnation& incarnation);
// "20261122T203501Z-full-3f9a": time and kind ("full", "incremental", "snapshot") for people, a
// random part for uniqueness; it orders nothing.
std::string NewBackupId(base::WallTime now, format::ManifestHeader::Kind kind,
                        base::Random& random);
bool IsValidBackupId(std::string_view id);

// Puts the intent; kAlreadyExists when the id is taken.
base::Status PutIntent(const Incarnation& incarnation, const format::BackupIntent& intent);
base::Status RemoveIntent(const Incarnation& incarnation, std::string_view backup_id);
// Gives up a backup that may still be running: wins only by put-if-absent at its manifest's key.
// Durable on return, and OK when it was given up before. kConflict when the backup committed first.
base::Status PutTombstone(const Incarnation& incarnation, const format::Tombstone& tombstone);
// Marks a committed backup as expired: from now on it is listed no more, and no incremental commits
// upon it. Durable on return; OK when it was marked before.
base::Status PutExpired(const Incarnation& incarnation, const format::Tombstone& tombstone);
// kConflict, naming it, when one of the parents is expired or not there (any more): the last thing
// that ManifestWriter::Commit looks at.
base::Status CheckParents(const Incarnation& incarnation, const format::ManifestHeader& header);

}  // namespace agri::repo

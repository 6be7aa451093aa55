// What stands at the key of a backup's manifest: the manifest, or a tombstone that keeps it from
// ever being put there. The authenticated object header tells them apart.
#pragma once

#include <variant>

#include "repo/manifest.hpp"

namespace agri::repo {

// kNotFound when nothing stands there. The reader is before its first frame.
base::Result<std::variant<SealedReader, format::Tombstone>> OpenManifestKey(
    const Incarnation& incarnation, std::string_view backup_id);
// The same, a tombstone being kNotFound with its story.
base::Result<SealedReader> OpenManifest(const Incarnation& incarnation, std::string_view backup_id);
// Frame 0 of an opened manifest, checked. Errors name the manifest.
base::Result<format::ManifestHeader> ReadHeaderFrame(const Incarnation& incarnation,
                                                     std::string_view backup_id,
                                                     SealedReader& reader);
// "was given up by host "db1" at 2026-…: reason".
std::string DescribeTombstone(const format::Tombstone& tombstone);

}  // namespace agri::repo

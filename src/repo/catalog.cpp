// Lists committed backups. One listing of names tells which there are; every manifest's head is
// read then, and what cannot be read is told, not left out.
#include "repo/catalog.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "repo/manifest_key.hpp"

namespace agri::repo {

using base::ErrorCode;

bool ConcernsOneObject(ErrorCode code) {
    return code == ErrorCode::kCorrupt || code == ErrorCode::kUnsupported ||
           code == ErrorCode::kAuthentication || code == ErrorCode::kPermission ||
           code == ErrorCode::kIo;
}

namespace {

// Nothing for tombstones and for folders without a manifest.
base::Result<std::optional<CatalogEntry>> ReadEntry(const Incarnation& incarnation,
                                                    const std::string& backup_id) {
    const auto read = [&]() -> base::Result<std::optional<CatalogEntry>> {
        AGRI_ASSIGN(auto found, OpenManifestKey(incarnation, backup_id));
        if (std::holds_alternative<format::Tombstone>(found)) return std::nullopt;
        AGRI_ASSIGN(format::ManifestHeader header,
                    ReadHeaderFrame(incarnation, backup_id, std::get<SealedReader>(found)));
        return std::optional(CatalogEntry{std::move(header), ""});
    };
    auto entry = read();
    if (entry) return entry;
    const base::Error& error = entry.error();
    if (error.code == ErrorCode::kNotFound) return std::nullopt;
    if (!ConcernsOneObject(error.code)) return entry;
    CatalogEntry unreadable{.problem = error.ToString()};
    unreadable.header.set_backup_id(backup_id);
    return std::optional(std::move(unreadable));
}

// By timeline and LSN; unreadable ones last. The identifier only makes the order complete.
bool ComesBefore(const CatalogEntry& a, const CatalogEntry& b) {
    const auto rank = [](const CatalogEntry& entry) {
        const format::ManifestHeader& header = entry.header;
        return std::tuple(!entry.problem.empty(), header.stop_timeline(), header.stop_lsn(),
                          header.timeline(), header.start_lsn(),
                          std::string_view(header.backup_id()));
    };
    return rank(a) < rank(b);
}

// What stands in the folders of backups, by name.
struct Listing {
    std::vector<std::string> manifests;  // manifests and tombstones at their keys
    std::vector<std::string> expired;
};

base::Result<Listing> ListFolders(const Incarnation& incarnation) {
    const layout::IncarnationKeys& keys = incarnation.keys();
    const std::string folder = keys.BackupFolder();
    Listing listing;
    AGRI_TRY(incarnation.repository().storage().List(
        folder, [&](const storage::ObjectInfo& object) -> base::Status {
            const std::string_view below = std::string_view(object.key).substr(folder.size());
            const std::string id(below.substr(0, below.find('/')));
            if (!IsValidBackupId(id)) return {};
            if (object.key == keys.Manifest(id)) listing.manifests.push_back(id);
            if (object.key == keys.Expired(id)) listing.expired.push_back(id);
            return {};
        }));
    return listing;
}

}  // namespace

base::Result<std::vector<CatalogEntry>> ListBackups(const Incarnation& incarnation) {
    AGRI_ASSIGN(const Listing listing, ListFolders(incarnation));
    const std::set<std::string_view> expired(listing.expired.begin(), listing.expired.end());
    std::vector<CatalogEntry> backups;
    for (const std::string& backup_id : listing.manifests) {
        if (expired.contains(backup_id)) continue;
        AGRI_ASSIGN(std::optional<CatalogEntry> entry, ReadEntry(incarnation, backup_id));
        if (entry) backups.push_back(std::move(*entry));
    }
    std::sort(backups.begin(), backups.end(), ComesBefore);
    return backups;
}

base::Result<std::vector<std::string>> ListExpired(const Incarnation& incarnation) {
    AGRI_ASSIGN(Listing listing, ListFolders(incarnation));
    return std::move(listing.expired);
}

}  // namespace agri::repo

// Where each file of a backup goes: roots mapped to folders on this machine, links that we make
// ourselves, and the names that a backup may bring but a restored cluster must not have.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/restore.hpp"
#include "engine/target_folder.hpp"

namespace agri::engine {

inline constexpr std::string_view kConfigFolder = "agri_backup_restored_config";
inline constexpr std::string_view kExtraFolder = "agri_backup_restored_files";
inline constexpr std::string_view kRestoreMarker = "agri_backup.restore";
inline constexpr std::string_view kRoleFile = "agri_backup/role";
inline constexpr std::string_view kControlFile = "global/pg_control";

enum class FolderKind { kData, kTablespace, kWal };

struct RestoreFolder {
    FolderKind kind = FolderKind::kData;
    std::string path;           // absolute
    std::string link;           // the link to it in the data directory; empty for kData
    std::string manifest_path;  // where pg_verifybackup sees it; empty for kData
    std::string only_child;     // tablespaces: this cluster's part, the rest is not ours
};

struct PlacedFile {
    size_t folder = 0;
    std::string path;           // relative to the folder; empty: the folder itself
    std::string manifest_path;  // relative to the data directory, through the links
};

// Immutable once made, but for OpenFolders().
class RestoreLayout {
   public:
    // kInvalidArgument for mappings that make no sense, kCorrupt for roots that no backup has.
    static base::Result<RestoreLayout> Make(const repo::format::ManifestHeader& backup,
                                            const RestoreRequest& request);

    // The data directory is the first.
    const std::vector<RestoreFolder>& folders() const { return folders_; }
    // Real paths of all but the data directory.
    base::Result<std::vector<std::string>> OutsideFolders() const;
    // Where the entry goes; nullopt when it is not restored, or is made by us.
    base::Result<std::optional<PlacedFile>> Place(const repo::format::FileEntry& entry) const;
    // Whether configuration from outside the data directory is part of the backup.
    bool has_configuration() const { return has_configuration_; }

    // Where pg_wal is put when it is not inside the data directory.
    std::optional<size_t> wal_folder() const { return wal_folder_; }

    // Makes missing folders (0700) and opens all of them.
    base::Status OpenFolders();
    const TargetFolder& opened(size_t folder) const { return opened_[folder]; }
    const TargetFolder& data() const { return opened_.front(); }

   private:
    struct Root {
        size_t folder = 0;
        std::string prefix;
        repo::format::FileRoot::Kind kind = repo::format::FileRoot::DATA;
    };
    base::Status AddRoot(const repo::format::ManifestHeader& backup,
                         const repo::format::FileRoot& root, const RestoreRequest& request);
    base::Status AddTablespace(const repo::format::ManifestHeader& backup,
                               const repo::format::FileRoot& root, const RestoreRequest& request);
    base::Status AddOutside(const repo::format::FileRoot& root, std::string_view folder);
    base::Status CheckMappings(const RestoreRequest& request) const;
    std::optional<PlacedFile> PlaceInData(const repo::format::FileEntry& entry) const;

    std::vector<RestoreFolder> folders_;
    std::map<uint32_t, Root> roots_;
    std::map<std::string, std::string> tablespaces_;  // OID → old location, for messages
    std::optional<size_t> wal_folder_;
    bool has_configuration_ = false;
    std::vector<TargetFolder> opened_;
};

// The path without trailing slashes.
std::string TrimSlashes(std::string path);

}  // namespace agri::engine

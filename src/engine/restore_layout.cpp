#include "engine/restore_layout.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "engine/data_directory.hpp"
#include "engine/walk_plan.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;
using repo::format::FileEntry;
using repo::format::FileRoot;

namespace {

// A restored cluster begins without them: they belong to the server that was backed up, or are made
// by this restore. tablespace_map would have the server make links where we were told not to.
constexpr std::array<std::string_view, 10> kNotRestored = {
    "tablespace_map",  "tablespace_map.old", "backup_label.old", "backup_manifest",
    "recovery.signal", "standby.signal",     "postmaster.pid",   "postmaster.opts",
    "recovery.done",   kRestoreMarker};

bool IsNotRestored(std::string_view path) {
    if (std::find(kNotRestored.begin(), kNotRestored.end(), path) != kNotRestored.end())
        return true;
    const std::string_view first = path.substr(0, path.find('/'));
    return first == "agri_backup" || first == kConfigFolder || first == kExtraFolder;
}

std::string Join(std::string_view prefix, std::string_view path) {
    if (prefix.empty()) return std::string(path);
    if (path.empty()) return std::string(prefix);
    return fmt::format("{}/{}", prefix, path);
}

base::Error Corrupt(const FileRoot& root, std::string_view problem) {
    return MakeError(ErrorCode::kCorrupt, "the backup's file root {} (\"{}\") {}", root.id(),
                     PrintablePath(root.path()), problem);
}

// Where the user wants a tablespace; the original place when nothing was said.
std::string TablespacePlace(const FileRoot& root, const RestoreRequest& request) {
    const auto& map = request.tablespace_map;
    for (const std::string& key : {std::to_string(root.oid()), std::string(root.path())})
        if (auto found = map.find(key); found != map.end()) return found->second;
    if (!request.tablespace_base.empty())
        return fmt::format("{}/{}", request.tablespace_base, root.oid());
    return root.path();
}

Status CheckAbsolute(std::string_view what, const std::string& path) {
    if (path.starts_with('/') && path.find('\0') == std::string::npos) return {};
    return MakeError(ErrorCode::kInvalidArgument, "{} \"{}\" is not an absolute path", what,
                     PrintablePath(path));
}

}  // namespace

std::string TrimSlashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

Result<RestoreLayout> RestoreLayout::Make(const repo::format::ManifestHeader& backup,
                                          const RestoreRequest& request) {
    RestoreLayout layout;
    AGRI_TRY(CheckAbsolute("target directory", request.target_directory));
    layout.folders_.push_back(
        {FolderKind::kData, TrimSlashes(request.target_directory), "", "", ""});
    if (!request.wal_directory.empty()) {
        AGRI_TRY(CheckAbsolute("WAL directory", request.wal_directory));
        layout.wal_folder_ = layout.folders_.size();
        layout.folders_.push_back(
            {FolderKind::kWal, TrimSlashes(request.wal_directory), "pg_wal", "pg_wal", ""});
    }
    for (const FileRoot& root : backup.roots()) AGRI_TRY(layout.AddRoot(backup, root, request));
    AGRI_TRY(layout.CheckMappings(request));
    return layout;
}

Status RestoreLayout::AddRoot(const repo::format::ManifestHeader& backup, const FileRoot& root,
                              const RestoreRequest& request) {
    if (roots_.contains(root.id())) return Corrupt(root, "is listed twice");
    Root& added = roots_[root.id()];
    added.kind = root.kind();
    switch (root.kind()) {
        case FileRoot::DATA:
        case FileRoot::WAL:
            return {};
        case FileRoot::TABLESPACE:
            return AddTablespace(backup, root, request);
        case FileRoot::CONFIG:
            has_configuration_ = true;
            return AddOutside(root, kConfigFolder);
        case FileRoot::EXTRA:
            return AddOutside(root, kExtraFolder);
        default:
            return Corrupt(root, "is of a kind that this version does not know");
    }
}

Status RestoreLayout::AddTablespace(const repo::format::ManifestHeader& backup,
                                    const FileRoot& root, const RestoreRequest& request) {
    if (root.oid() == 0) return Corrupt(root, "is a tablespace without an OID");
    const std::string link = fmt::format("pg_tblspc/{}", root.oid());
    Root& added = roots_[root.id()];
    if (root.in_place()) {
        added.prefix = link;
        return {};
    }
    const std::string place = TrimSlashes(TablespacePlace(root, request));
    AGRI_TRY(CheckAbsolute("tablespace folder", place));
    tablespaces_[std::to_string(root.oid())] = root.path();
    added.folder = folders_.size();
    const int major = static_cast<int>(backup.server_version_num() / 10000);
    folders_.push_back({FolderKind::kTablespace, place, link, link,
                        fmt::format("PG_{}_{}", major, backup.catalog_version())});
    return {};
}

Status RestoreLayout::AddOutside(const FileRoot& root, std::string_view folder) {
    const std::string& path = root.path();
    if (path != "/" && (!path.starts_with('/') || !repo::IsSafeRelativePath(path.substr(1))))
        return Corrupt(root, "has no clean absolute path");
    roots_[root.id()].prefix = path == "/" ? std::string(folder) : std::string(folder) + path;
    return {};
}

Status RestoreLayout::CheckMappings(const RestoreRequest& request) const {
    std::string known;
    for (const auto& [oid, path] : tablespaces_)
        known += fmt::format("{}{} (\"{}\")", known.empty() ? "" : ", ", oid, PrintablePath(path));
    for (const auto& [old_place, new_place] : request.tablespace_map) {
        const bool matches = std::any_of(
            tablespaces_.begin(), tablespaces_.end(),
            [&](auto& known) { return known.first == old_place || known.second == old_place; });
        if (!matches)
            return MakeError(ErrorCode::kInvalidArgument, "the backup has no tablespace \"{}\"",
                             PrintablePath(old_place))
                .WithDetail(known.empty() ? "It has none outside the data directory."
                                          : fmt::format("It has {}.", known));
    }
    return {};
}

std::optional<PlacedFile> RestoreLayout::PlaceInData(const FileEntry& entry) const {
    const std::string& path = entry.path();
    if (IsNotRestored(path)) return std::nullopt;
    const bool is_link = entry.type() == repo::format::SYMLINK;
    // These links are made from the roots, to where the files really went.
    if (is_link && (path == "pg_wal" || path.starts_with("pg_tblspc/"))) return std::nullopt;
    if (wal_folder_ && path == "pg_wal") return PlacedFile{*wal_folder_, "", path};
    if (wal_folder_ && path.starts_with("pg_wal/"))
        return PlacedFile{*wal_folder_, path.substr(7), path};
    return PlacedFile{0, path, path};
}

Result<std::optional<PlacedFile>> RestoreLayout::Place(const FileEntry& entry) const {
    auto found = roots_.find(entry.root());
    if (found == roots_.end() || (!entry.path().empty() && !repo::IsSafeRelativePath(entry.path())))
        return MakeError(ErrorCode::kCorrupt, "the backup names a file that cannot be: \"{}\"",
                         PrintablePath(entry.path()));
    const Root& root = found->second;
    if (root.kind == FileRoot::DATA) return PlaceInData(entry);
    if (root.kind == FileRoot::WAL) return std::optional<PlacedFile>();
    const RestoreFolder& folder = folders_[root.folder];
    const std::string path = Join(root.prefix, entry.path());
    if (folder.kind == FolderKind::kTablespace && !path.empty() && path != folder.only_child &&
        !path.starts_with(folder.only_child + "/"))
        return MakeError(ErrorCode::kCorrupt,
                         "the backup names a file outside its part of a tablespace: \"{}\"",
                         PrintablePath(path));
    return std::optional(PlacedFile{root.folder, path, Join(folder.manifest_path, path)});
}

Result<std::vector<std::string>> RestoreLayout::OutsideFolders() const {
    std::vector<std::string> paths;
    for (const RestoreFolder& folder : folders_) {
        if (folder.kind == FolderKind::kData) continue;
        AGRI_ASSIGN(std::string path, CanonicalPath(folder.path));
        paths.push_back(std::move(path));
    }
    return paths;
}

Status RestoreLayout::OpenFolders() {
    for (const RestoreFolder& folder : folders_) {
        struct stat info {};
        if (stat(folder.path.c_str(), &info) != 0) {
            if (errno != ENOENT)
                return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", folder.path));
            AGRI_TRY(base::CreateDirectories(folder.path));
        }
        AGRI_ASSIGN(TargetFolder opened, TargetFolder::Open(folder.path));
        opened_.push_back(std::move(opened));
    }
    return {};
}

}  // namespace agri::engine

#include "engine/restore_preflight.hpp"

#include <dirent.h>

#include "base/file.hpp"
#include "engine/folder.hpp"
#include "engine/restore_marker.hpp"
#include "engine/server_check.hpp"
#include "engine/target_walk.hpp"
#include "wal/pg_control.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

// Names in a folder; nothing when it does not exist.
Result<std::vector<std::string>> NamesIn(const std::string& path) {
    std::vector<std::string> names;
    const Folder folder = OpenFolder(path);
    if (!folder && errno == ENOENT) return names;
    if (!folder) return base::ErrnoError(errno, fmt::format("could not open folder \"{}\"", path));
    for (errno = 0; const dirent* item = readdir(folder.get()); errno = 0) {
        const std::string_view name = item->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0)
        return base::ErrnoError(errno, fmt::format("could not read folder \"{}\"", path));
    return names;
}

bool Exists(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0;
}

// --delta removes what the backup does not have: only a PostgreSQL data directory may lose files
// so.
Status CheckDeltaTarget(const std::string& path) {
    if (Exists(path + "/PG_VERSION") && Exists(path + "/global")) return {};
    return MakeError(ErrorCode::kConflict,
                     "\"{}\" is neither empty nor a PostgreSQL data directory", path)
        .WithHint(
            "--delta removes every file that the backup does not have: give an empty directory, "
            "or the data directory that is to be rewritten.");
}

Result<std::string> Canonical(const std::string& path) {
    AGRI_ASSIGN(const std::string real, base::RealPath(path));
    return TrimSlashes(real);
}

Result<bool> HaveOneRealPath(const std::string& one, const std::string& other) {
    AGRI_ASSIGN(const std::string real, Canonical(one));
    AGRI_ASSIGN(const std::string other_real, Canonical(other));
    return real == other_real;
}

bool IsWithin(const std::string& inner, const std::string& outer) {
    return inner == outer || outer == "/" || inner.starts_with(outer + "/");
}

}  // namespace

Result<TargetCheck> CheckTargetDirectory(const RestoreRequest& request) {
    const std::string path = TrimSlashes(request.target_directory);
    if (!path.starts_with('/'))
        return MakeError(ErrorCode::kInvalidArgument,
                         "target directory \"{}\" is not an absolute path", path);
    AGRI_TRY(CheckNoServer(path));
    AGRI_ASSIGN(const std::vector<std::string> names, NamesIn(path));
    TargetCheck check;
    if (names.empty()) return check;
    if (auto marker = ReadMarker(path)) {
        // Cut off between making the marker and writing it: that restore had not begun.
        if (marker->backup_id.empty() && names.size() == 1) return check;
        check.state = TargetState::kResume;
        check.interrupted_backup = marker->backup_id;
        return check;
    }
    if (request.existing == ExistingFiles::kRefuse)
        return MakeError(ErrorCode::kAlreadyExists, "target directory \"{}\" is not empty", path)
            .WithHint(
                "Give an empty or missing directory, or --delta to rewrite what differs there.");
    AGRI_TRY(CheckDeltaTarget(path));
    check.state = TargetState::kExisting;
    return check;
}

Status CheckSameBackup(const TargetCheck& check, const RestoreRequest& request,
                       const repo::format::ManifestHeader& backup) {
    const std::string path = TrimSlashes(request.target_directory);
    if (check.state == TargetState::kResume && check.interrupted_backup != backup.backup_id() &&
        request.existing == ExistingFiles::kRefuse)
        return MakeError(ErrorCode::kConflict,
                         "\"{}\" holds an unfinished restore of backup {}, and this one is of {}",
                         path, check.interrupted_backup, backup.backup_id())
            .WithHint(
                fmt::format("Go on with --backup {}, or give --delta to take this backup instead.",
                            check.interrupted_backup));
    auto control = base::ReadFileIfPresent(fmt::format("{}/{}", path, kControlFile), 64 << 10);
    if (!control)
        return std::move(control).error().WithHint(
            "Which cluster is there cannot be told: give an empty target directory.");
    if (!*control) return {};
    auto parsed = wal::ParseControlFile(**control);
    if (!parsed || parsed->system_identifier == backup.system_identifier()) return {};
    return MakeError(
               ErrorCode::kConflict,
               "\"{}\" is the data directory of another cluster (system {}, the backup's is {})",
               path, parsed->system_identifier, backup.system_identifier())
        .WithHint("Nothing was changed. Choose another target directory.");
}

namespace {

// "PG_15_202209061": other versions' parts of a tablespace are not ours to judge.
bool IsVersionFolder(std::string_view name) { return name.starts_with("PG_"); }

Status CheckFolderContent(const RestoreFolder& folder) {
    AGRI_ASSIGN(const std::vector<std::string> names, NamesIn(folder.path));
    for (const std::string& name : names) {
        if (name == kLostAndFound) continue;
        const bool is_tablespace = folder.kind == FolderKind::kTablespace;
        if (is_tablespace && name != folder.only_child && IsVersionFolder(name)) continue;
        return MakeError(ErrorCode::kAlreadyExists, "{} folder \"{}\" is not empty (\"{}\")",
                         is_tablespace ? "tablespace" : "WAL", folder.path, name)
            .WithHint(is_tablespace
                          ? "Map the tablespace to another folder with --tablespace-map or "
                            "--tablespace-base, or give --delta to rewrite what differs."
                          : "Give an empty folder, or --delta to rewrite what differs.");
    }
    return {};
}

// What a restore must stay away from: repositories and keys on this machine.
Result<std::vector<std::pair<std::string, std::string>>> ForbiddenPlaces(
    const repo::Incarnation& incarnation, const Context& context) {
    constexpr std::string_view kFile = "file://";
    std::vector<std::pair<std::string, std::string>> places;
    const auto add = [&](std::string_view what, std::string_view uri) -> Status {
        if (!uri.starts_with(kFile)) return {};
        AGRI_ASSIGN(std::string place, Canonical(std::string(uri.substr(kFile.size()))));
        places.emplace_back(what, std::move(place));
        return {};
    };
    AGRI_TRY(add("the repository", incarnation.repository().storage().Describe()));
    for (const RepositorySettings& repository : context.settings.repositories) {
        AGRI_TRY(add("the repository", repository.uri));
        AGRI_TRY(add("the repository's key", repository.key_uri));
    }
    return places;
}

Status CheckApart(const RestoreLayout& layout, const repo::Incarnation& incarnation,
                  const Context& context) {
    AGRI_ASSIGN(const auto forbidden, ForbiddenPlaces(incarnation, context));
    std::vector<std::string> seen;
    for (const RestoreFolder& folder : layout.folders()) {
        AGRI_ASSIGN(const std::string path, Canonical(folder.path));
        for (const auto& [what, place] : forbidden)
            if (IsWithin(path, place) || IsWithin(place, path))
                return MakeError(ErrorCode::kInvalidArgument,
                                 "\"{}\" and {} (\"{}\") are not apart", folder.path, what, place);
        for (const std::string& other : seen)
            if (IsWithin(path, other) || IsWithin(other, path))
                return MakeError(ErrorCode::kInvalidArgument,
                                 "the target folders \"{}\" and \"{}\" are not apart", path, other)
                    .WithHint(
                        "Give each tablespace and pg_wal a folder of its own outside the target "
                        "directory: --tablespace-map, --tablespace-base, --wal-dir.");
        seen.push_back(path);
    }
    return {};
}

// A copy beside the running original would write into the original's tablespaces.
Status CheckOriginalServer(const RestoreLayout& layout,
                           const repo::format::ManifestHeader& backup) {
    std::string data_directory;
    for (const auto& root : backup.roots())
        if (root.kind() == repo::format::FileRoot::DATA) data_directory = root.path();
    if (data_directory.empty()) return {};
    AGRI_ASSIGN(const bool is_itself,
                HaveOneRealPath(data_directory, layout.folders().front().path));
    if (is_itself) return {};
    for (const auto& root : backup.roots()) {
        if (root.kind() != repo::format::FileRoot::TABLESPACE || root.in_place()) continue;
        for (const RestoreFolder& folder : layout.folders()) {
            if (folder.kind != FolderKind::kTablespace) continue;
            AGRI_ASSIGN(const bool is_same, HaveOneRealPath(folder.path, root.path()));
            if (!is_same) continue;
            auto running = CheckNoServer(data_directory);
            // One of another user has no folder that this process can write to.
            if (running || running.error().code == ErrorCode::kPermission) continue;
            if (running.error().code != ErrorCode::kClusterState) return running;
            return MakeError(ErrorCode::kClusterState,
                             "tablespace folder \"{}\" belongs to a running server", folder.path)
                .WithDetail(running.error().ToString())
                .WithHint("Map it elsewhere with --tablespace-map or --tablespace-base.");
        }
    }
    return {};
}

}  // namespace

Status CheckPlaces(const RestoreLayout& layout, const TargetCheck& check,
                   const RestoreRequest& request, const repo::Incarnation& incarnation,
                   const repo::format::ManifestHeader& backup, const Context& context) {
    AGRI_TRY(CheckApart(layout, incarnation, context));
    AGRI_TRY(CheckOriginalServer(layout, backup));
    if (check.state == TargetState::kResume || request.existing == ExistingFiles::kDelta) return {};
    for (const RestoreFolder& folder : layout.folders())
        if (folder.kind != FolderKind::kData) AGRI_TRY(CheckFolderContent(folder));
    return {};
}

}  // namespace agri::engine

// Where a restore may write. Paths come from the command line or from the backup, which was made
// where other folders may have been at them: none is taken for ours because it is named.
#include <algorithm>
#include <filesystem>

#include "engine/data_directory.hpp"
#include "engine/restore_preflight.hpp"
#include "engine/server_check.hpp"
#include "engine/target_walk.hpp"
#include "repo/place.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

// "PG_15_202209061": other versions' parts of a tablespace are not ours to judge.
bool IsVersionFolder(std::string_view name) { return name.starts_with("PG_"); }

base::Error NotEmpty(const RestoreFolder& folder, std::string_view name, const TargetCheck& check) {
    const bool is_tablespace = folder.kind == FolderKind::kTablespace;
    auto error = MakeError(ErrorCode::kAlreadyExists, "{} folder \"{}\" is not empty (\"{}\")",
                           is_tablespace ? "tablespace" : "WAL", folder.path, name);
    if (check.state == TargetState::kResume)
        return std::move(error)
            .WithDetail("It is none of the folders that the unfinished restore wrote to.")
            .WithHint(
                "Repeat the --tablespace-map, --tablespace-base and --wal-dir of the unfinished "
                "restore, or give an empty folder.");
    return std::move(error).WithHint(fmt::format(
        "{} --delta rewrites, besides the target directory, only folders that its pg_wal and "
        "pg_tblspc lead to.",
        is_tablespace
            ? "Map the tablespace to another folder with --tablespace-map or --tablespace-base."
            : "Give an empty folder."));
}

Status CheckFolderContent(const RestoreFolder& folder, const TargetCheck& check) {
    AGRI_ASSIGN(const std::vector<std::string> names, NamesIn(folder.path));
    for (const std::string& name : names) {
        if (name == kLostAndFound) continue;
        if (folder.kind == FolderKind::kTablespace && name != folder.only_child &&
            IsVersionFolder(name))
            continue;
        return NotEmpty(folder, name, check);
    }
    return {};
}

// Folders outside the target directory whose content belongs to what is there: canonical paths.
Result<std::vector<std::string>> OwnFolders(const RestoreLayout& layout, const TargetCheck& check,
                                            const RestoreRequest& request) {
    std::vector<std::string> own = check.interrupted_folders;
    if (request.existing != ExistingFiles::kDelta) return own;
    AGRI_ASSIGN(const auto linked, LinkedFolders(layout.folders().front().path));
    own.insert(own.end(), linked.begin(), linked.end());
    return own;
}

Status CheckContents(const RestoreLayout& layout, const TargetCheck& check,
                     const RestoreRequest& request) {
    AGRI_ASSIGN(const auto own, OwnFolders(layout, check, request));
    for (const RestoreFolder& folder : layout.folders()) {
        if (folder.kind == FolderKind::kData) continue;
        AGRI_ASSIGN(const std::string path, CanonicalPath(folder.path));
        if (std::find(own.begin(), own.end(), path) == own.end())
            AGRI_TRY(CheckFolderContent(folder, check));
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
        AGRI_ASSIGN(std::string place, CanonicalPath(std::string(uri.substr(kFile.size()))));
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
        AGRI_ASSIGN(const std::string path, CanonicalPath(folder.path));
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

// Nothing of one cluster belongs below another's directory: it is lost with it, backed up with it
// and removed by the next restore over it, whether a server runs there or not.
Status CheckOutsideOthers(const RestoreLayout& layout) {
    for (const RestoreFolder& folder : layout.folders()) {
        AGRI_ASSIGN(const std::string path, CanonicalPath(folder.path));
        AGRI_ASSIGN(const auto around, repo::EnclosingDataDirectory(
                                           std::filesystem::path(path).parent_path().string()));
        if (around)
            return MakeError(ErrorCode::kConflict, "\"{}\" is within the data directory \"{}\"",
                             folder.path, *around)
                .WithHint("Nothing was changed. Give a folder outside it.");
    }
    return {};
}

// A copy beside the running original would write into the original's tablespaces. This one is also
// found where its process is not seen: in another container, by its socket.
Status CheckOriginalServer(const RestoreLayout& layout,
                           const repo::format::ManifestHeader& backup) {
    std::string data_directory;
    for (const auto& root : backup.roots())
        if (root.kind() == repo::format::FileRoot::DATA) data_directory = root.path();
    if (data_directory.empty()) return {};
    AGRI_ASSIGN(const std::string original, CanonicalPath(data_directory));
    AGRI_ASSIGN(const std::string target, CanonicalPath(layout.folders().front().path));
    if (original == target) return {};
    for (const auto& root : backup.roots()) {
        if (root.kind() != repo::format::FileRoot::TABLESPACE || root.in_place()) continue;
        AGRI_ASSIGN(const std::string place, CanonicalPath(root.path()));
        for (const RestoreFolder& folder : layout.folders()) {
            if (folder.kind != FolderKind::kTablespace) continue;
            AGRI_ASSIGN(const std::string path, CanonicalPath(folder.path));
            if (path != place) continue;
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
    AGRI_TRY(CheckOutsideOthers(layout));
    AGRI_TRY(CheckOriginalServer(layout, backup));
    AGRI_TRY(CheckNoServerUses(layout));
    return CheckContents(layout, check, request);
}

}  // namespace agri::engine

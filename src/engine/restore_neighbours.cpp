// The servers that run on this machine, wherever their backups say that they were: none of their
// folders is written to.
#include "engine/data_directory.hpp"
#include "engine/restore_preflight.hpp"
#include "engine/server_check.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

// The data directory first, then what it links to. Of a server that is another user's nothing can
// be read, and nothing can be written either.
Result<std::vector<std::string>> FoldersOf(const std::string& data_directory) {
    std::vector<std::string> folders{data_directory};
    auto linked = LinkedFolders(data_directory);
    if (!linked && linked.error().code == ErrorCode::kPermission) return folders;
    if (!linked) return std::move(linked).error();
    folders.insert(folders.end(), linked->begin(), linked->end());
    return folders;
}

// Servers of different major versions may share a tablespace's folder: each has its part of it.
bool IsOtherVersionsPart(const RestoreFolder& folder, const std::string& data_directory) {
    auto version = base::ReadWholeFile(data_directory + "/PG_VERSION", 64);
    if (!version || folder.only_child.empty()) return false;
    std::string_view major = base::AsText(*version);
    while (!major.empty() && major.back() == '\n') major.remove_suffix(1);
    return !folder.only_child.starts_with(fmt::format("PG_{}_", major));
}

}  // namespace

Status CheckNoServerUses(const RestoreLayout& layout) {
    AGRI_ASSIGN(const std::vector<std::string> servers, RunningDataDirectories());
    for (const std::string& server : servers) {
        AGRI_ASSIGN(const std::vector<std::string> used, FoldersOf(server));
        for (const RestoreFolder& folder : layout.folders()) {
            AGRI_ASSIGN(const std::string path, CanonicalPath(folder.path));
            for (const std::string& other : used) {
                if (!IsWithin(path, other) && !IsWithin(other, path)) continue;
                if (path == other && IsOtherVersionsPart(folder, server)) continue;
                return MakeError(ErrorCode::kClusterState,
                                 "\"{}\" and \"{}\" of a running server are not apart", folder.path,
                                 other)
                    .WithDetail(fmt::format("The server runs in \"{}\".", server))
                    .WithHint(
                        "Give other folders with --target-dir, --tablespace-map, --tablespace-base "
                        "and --wal-dir, or stop that server first.");
            }
        }
    }
    return {};
}

}  // namespace agri::engine

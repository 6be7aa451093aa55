#include "engine/backup_checks.hpp"

#include "base/file.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Status;
using repo::format::FileRoot;
using repo::format::ManifestHeader;

namespace {

// MAXPGPATH, which bounds a label in do_pg_backup_start() of src/backend/access/transam/xlog.c.
constexpr size_t kMaxLabelBytes = 1024;

}  // namespace

Status CheckBackupRequest(const BackupRequest& request) {
    if (request.kind != ManifestHeader::FULL)
        return MakeError(ErrorCode::kUnsupported, "only full backups can be taken");
    if (request.label.size() >= kMaxLabelBytes ||
        request.label.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos)
        return MakeError(ErrorCode::kInvalidArgument, "the backup's label is not acceptable")
            .WithHint(fmt::format("A label has one line of at most {} bytes.", kMaxLabelBytes - 1));
    return {};
}

Status CheckBackupCluster(const repo::Incarnation& incarnation, const ClusterFacts& facts,
                          const wal::ControlFile& control) {
    const repo::format::Incarnation& known = incarnation.info();
    if (facts.system_identifier != known.system_identifier() ||
        control.system_identifier != known.system_identifier())
        return MakeError(ErrorCode::kConflict,
                         "cluster \"{}\" is system {} in the repository, but the server is system "
                         "{} and its data directory system {}",
                         incarnation.cluster(), known.system_identifier(), facts.system_identifier,
                         control.system_identifier)
            .WithHint(
                "After pg_upgrade or a new initdb, use \"agri_backup upgrade\" or another cluster "
                "name.");
    if (facts.server_version_num / 10000 != known.major_version() ||
        static_cast<uint32_t>(control.major_version) != known.major_version())
        return MakeError(ErrorCode::kConflict,
                         "cluster \"{}\" is PostgreSQL {} in the repository, but the server is {}",
                         incarnation.cluster(), known.major_version(), facts.server_version);
    if (control.wal_segment_size_bytes != known.wal_segment_size())
        return MakeError(ErrorCode::kConflict,
                         "cluster \"{}\" has WAL segments of {} bytes in the repository, but the "
                         "server's have {}",
                         incarnation.cluster(), known.wal_segment_size(),
                         control.wal_segment_size_bytes);
    return {};
}

Status CheckRepositoryPlace(const repo::Incarnation& incarnation, const WalkPlan& plan) {
    const std::string place = incarnation.repository().storage().Describe();
    constexpr std::string_view kFile = "file://";
    if (!place.starts_with(kFile)) return {};
    AGRI_ASSIGN(std::string folder, base::RealPath(place.substr(kFile.size())));
    folder += '/';
    for (const WalkRoot& root : plan.roots) {
        const FileRoot::Kind kind = root.root.kind();
        if (kind != FileRoot::DATA && kind != FileRoot::TABLESPACE) continue;
        std::string walked = root.folder + "/";
        if (!root.only_child.empty()) walked += root.only_child + "/";
        if (folder.starts_with(walked))
            return MakeError(ErrorCode::kConfiguration,
                             "repository \"{}\" lies inside \"{}\", which is to be backed up",
                             place, root.folder)
                .WithHint("Put the repository outside, best on another machine.");
    }
    return {};
}

}  // namespace agri::engine

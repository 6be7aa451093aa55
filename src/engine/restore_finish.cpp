#include "engine/restore_finish.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <set>

#include "base/json.hpp"
#include "engine/backup_manifest.hpp"
#include "engine/include_folders.hpp"
#include "engine/recovery_config.hpp"
#include "engine/restore_cleanup.hpp"
#include "engine/restore_marker.hpp"
#include "engine/target_walk.hpp"
#include "repo/claim.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::Status;
using repo::format::FileEntry;

namespace {

constexpr std::string_view kAutoConfig = "postgresql.auto.conf";
constexpr std::string_view kManifestName = "backup_manifest";
constexpr uint64_t kMaxConfigBytes = 16u << 20;

std::optional<FileOwner> DataOwner(const FinishInput& input) {
    FileEntry entry;
    entry.set_owner(input.survey.owner);
    entry.set_group(input.survey.group);
    if (entry.owner().empty()) return std::nullopt;
    return input.owners.Resolve(entry);
}

// Files that the server makes are readable by the group exactly when the data directory is.
mode_t FileMode(const RestoreSurvey& survey) {
    return (survey.data_mode & 0040) != 0 ? 0640 : 0600;
}

std::string_view RoleName(RestoreRole role) {
    switch (role) {
        case RestoreRole::kStandby:
            return "standby";
        case RestoreRole::kClone:
            return "clone";
        case RestoreRole::kOriginal:
            break;
    }
    return "original";
}

base::Result<std::string> OwnProgram() {
    std::array<char, 4096> path;
    const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
    if (length <= 0) return ErrnoError(errno, "could not find this program's own path");
    return std::string(path.data(), static_cast<size_t>(length));
}

// Before Linux 5.8, syncfs() does not report write errors.
bool SyncfsReportsErrors() {
    utsname system;
    int major = 0, minor = 0;
    if (uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > 5 || (major == 5 && minor >= 8);
}

Status SyncEachFile(const TargetFolder& folder, const std::string& start) {
    return WalkTarget(folder, start, [&](const FoundEntry& entry) -> Status {
        if (!S_ISREG(entry.info.st_mode) && !S_ISDIR(entry.info.st_mode)) return {};
        const std::string full = folder.Full(entry.path);
        AGRI_ASSIGN(base::Fd fd,
                    base::OpenFileAt(entry.parent_fd, entry.name, O_RDONLY | O_NOFOLLOW, 0, full));
        return base::SyncFile(fd.get(), full);
    });
}

}  // namespace

RestoreFinish::RestoreFinish(const FinishInput& input)
    : input_(input), data_(input.layout.data(), DataOwner(input), FileMode(input.survey)) {}

Status RestoreFinish::Prepare() {
    AGRI_TRY(MakeLinks());
    AGRI_TRY(WriteLabel());
    AGRI_TRY(WriteHistory());
    AGRI_TRY(WriteRole());
    AGRI_TRY(WriteClaim());
    AGRI_TRY(WriteRecovery());
    AGRI_TRY(MakeIncludedFolders(input_.survey, data_));
    for (std::string_view folder : {kConfigFolder, kExtraFolder})
        AGRI_TRY(data_.OwnFolders(std::string(folder)));
    AGRI_TRY(LastPass());
    input_.context.progress.SetPhase("syncing");
    return Sync();
}

Status RestoreFinish::MakeLinks() {
    for (const RestoreFolder& folder : input_.layout.folders()) {
        if (folder.link.empty()) continue;
        if (folder.kind == FolderKind::kTablespace) AGRI_TRY(data_.MakeFolder("pg_tblspc"));
        AGRI_TRY(data_.MakeLink(folder.link, folder.path));
    }
    return {};
}

Status RestoreFinish::WriteGenerated(std::string path, std::string content) {
    AGRI_TRY(data_.Write(path, base::AsBytes(content)));
    generated_.push_back({std::move(path), std::move(content)});
    return {};
}

// The label usually is one of the backup's files; its header carries it too.
Status RestoreFinish::WriteLabel() {
    const std::string& label = input_.plan.backup.backup_label();
    AGRI_ASSIGN(const auto there, data_.folder().Stat("backup_label"));
    if (there || label.empty()) return {};
    return WriteGenerated("backup_label", label);
}

// The server asks the archive for its timeline's history first, and takes it from pg_wal otherwise:
// archiving may have begun later than the timeline.
Status RestoreFinish::WriteHistory() {
    const auto& backup = input_.plan.backup;
    const auto wal = input_.layout.wal_folder();
    const OwnedFiles files(input_.layout.opened(wal.value_or(0)), DataOwner(input_),
                           FileMode(input_.survey));
    const std::string prefix = wal ? "" : "pg_wal/";
    AGRI_TRY(files.MakeFolder(prefix + "archive_status"));
    if (backup.timeline_history().empty()) return {};
    const base::TimelineId timeline{backup.stop_timeline()};
    return files.Write(fmt::format("{}{}.history", prefix, timeline.ToString()),
                       base::AsBytes(backup.timeline_history()));
}

Status RestoreFinish::WriteRole() {
    const nlohmann::json json = {
        {"role", RoleName(input_.request.role)},
        {"backup_id", input_.plan.backup.backup_id()},
        {"restored", base::FormatTime(input_.context.clock.Now())},
    };
    AGRI_TRY(data_.MakeFolder("agri_backup"));
    return WriteGenerated(std::string(kRoleFile), base::ToLine(json) + "\n");
}

// The successor of the original, and a standby, know its claim: when one is promoted to a timeline
// of its own it takes the next epoch by compare-and-set, unless another server did so meanwhile.
Status RestoreFinish::WriteClaim() {
    if (input_.request.role == RestoreRole::kClone) return {};
    AGRI_ASSIGN(const auto claim, repo::CurrentClaim(input_.incarnation));
    if (!claim) return {};
    return WriteGenerated("agri_backup/claim", repo::EncodeLocalClaim(*claim));
}

Status RestoreFinish::WriteRecovery() {
    const RestoreRequest& request = input_.request;
    std::string command;
    if (request.recovery == RecoverySettings::kWrite) {
        AGRI_ASSIGN(const std::string program, OwnProgram());
        AGRI_ASSIGN(command, MakeRestoreCommand(request, program));
    }
    const std::string lines = RecoverySettingLines(input_.plan, request, command);
    auto existing = data_.folder().ReadFile(kAutoConfig, kMaxConfigBytes);
    if (!existing && existing.error().code != base::ErrorCode::kNotFound)
        return std::move(existing).error();
    const std::string merged =
        MergeAutoConfig(existing ? base::AsText(*existing) : std::string_view(), lines);
    AGRI_TRY(data_.Write(kAutoConfig, base::AsBytes(merged)));
    const std::string signal = SignalFileName(request);
    return signal.empty() ? Status{} : data_.Write(signal, {});
}

Status RestoreFinish::LastPass() {
    const std::string full = data_.folder().Full(kManifestName);
    AGRI_TRY(data_.folder().RemoveFile(kManifestName));
    AGRI_ASSIGN(base::Fd fd,
                base::OpenFileAt(data_.folder().fd(), std::string(kManifestName),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, full));
    AGRI_TRY(data_.Own(fd.get(), kManifestName));
    return WriteManifest(fd.get(), full);
}

Status RestoreFinish::WriteManifest(int fd, const std::string& path) {
    BackupManifestWriter writer(fd, path, input_.plan.backup);
    AGRI_TRY(input_.manifest.ForEachFile([&](const repo::ManifestReader::FileRun& run) -> Status {
        if (!run.last) return {};
        AGRI_TRY(input_.context.cancel.Check());
        const FileEntry& entry = run.entry;
        AGRI_ASSIGN(const std::optional<PlacedFile> placed, input_.layout.Place(entry));
        if (!placed) return {};
        if (entry.type() == repo::format::DIRECTORY) {
            const TargetFolder& folder = input_.layout.opened(placed->folder);
            AGRI_ASSIGN(base::Fd opened, folder.OpenFolder(placed->path));
            return ApplyMetadata(opened.get(), entry, input_.owners.Resolve(entry),
                                 folder.Full(placed->path));
        }
        if (entry.type() != repo::format::REGULAR || IsIgnoredByVerifyBackup(placed->manifest_path))
            return {};
        return writer.AddFile({placed->manifest_path, entry.size(), entry.mtime_ns(),
                               entry.has_crc32c() ? std::optional(entry.crc32c()) : std::nullopt});
    }));
    AGRI_TRY(ListKeptFiles(writer));
    return writer.Finish(BackupWalRanges(input_.plan.backup));
}

// Files of ours: without a line of their own pg_verifybackup would report them.
Status RestoreFinish::ListKeptFiles(BackupManifestWriter& writer) {
    const auto now = input_.context.clock.Now().time_since_epoch();
    const int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    std::set<std::string> listed;
    for (const Generated& file : generated_) {
        AGRI_TRY(writer.AddFile({file.path, file.content.size(), now_ns,
                                 codec::Crc32c(0, base::AsBytes(file.content))}));
        listed.insert(file.path);
    }
    return WalkTarget(data_.folder(), "agri_backup", [&](const FoundEntry& entry) -> Status {
        if (!S_ISREG(entry.info.st_mode) || listed.contains(entry.path)) return {};
        return writer.AddFile({entry.path, static_cast<uint64_t>(entry.info.st_size), now_ns, {}});
    });
}

Status RestoreFinish::Sync() {
    const bool is_enough = SyncfsReportsErrors();
    std::set<dev_t> synced;
    for (size_t i = 0; i < input_.layout.folders().size(); ++i) {
        const TargetFolder& folder = input_.layout.opened(i);
        if (!is_enough) AGRI_TRY(SyncEachFile(folder, input_.layout.folders()[i].only_child));
        struct stat info {};
        if (fstat(folder.fd(), &info) != 0)
            return ErrnoError(errno, fmt::format("could not stat \"{}\"", folder.path()));
        if (synced.insert(info.st_dev).second && syncfs(folder.fd()) != 0)
            return ErrnoError(
                errno, fmt::format("could not sync the file system of \"{}\"", folder.path()));
    }
    return {};
}

Status RestoreFinish::Complete(const std::vector<HeldBackFile>& held_back) {
    for (const HeldBackFile& file : held_back) {
        const TargetFolder& folder = input_.layout.opened(file.folder);
        AGRI_TRY(folder.Rename(file.path + std::string(kHeldBackSuffix), file.path));
    }
    AGRI_TRY(data_.folder().RemoveFile(kOldControlFile));
    return RemoveMarker(data_.folder());
}

}  // namespace agri::engine

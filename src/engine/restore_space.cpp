// Room for a restore, by file system: what it will write, less what existing files of the backup
// already take up.
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "engine/restore_preflight.hpp"
#include "engine/target_walk.hpp"

namespace agri::engine {

using base::Result;
using base::Status;

namespace {

constexpr uint64_t kStatBlockBytes = 512;
// For the backup_manifest, folders and the like.
constexpr uint64_t kReserveBytes = 16u << 20;

struct Demand {
    std::string path;  // an existing folder on the file system
    uint64_t needed = 0;
};

std::string NearestExisting(std::string path) {
    std::error_code error;
    while (path.size() > 1 && !std::filesystem::exists(path, error))
        path = std::filesystem::path(path).parent_path().string();
    return path;
}

// Bytes on disk below the folder: of files that stay, or that are removed before writing begins.
Result<uint64_t> BytesInPlace(const RestoreFolder& folder) {
    auto opened = TargetFolder::Open(folder.path);
    if (!opened && opened.error().code == base::ErrorCode::kNotFound) return uint64_t{0};
    if (!opened) return std::move(opened).error();
    uint64_t bytes = 0;
    AGRI_TRY(WalkTarget(*opened, folder.only_child, [&](const FoundEntry& entry) -> Status {
        if (S_ISREG(entry.info.st_mode) && entry.info.st_nlink == 1)
            bytes += static_cast<uint64_t>(entry.info.st_blocks) * kStatBlockBytes;
        return {};
    }));
    return bytes;
}

}  // namespace

Status CheckSpace(const RestoreLayout& layout, const RestoreSurvey& survey) {
    std::map<dev_t, Demand> demands;
    for (size_t i = 0; i < layout.folders().size(); ++i) {
        const RestoreFolder& folder = layout.folders()[i];
        const std::string existing = NearestExisting(folder.path);
        struct stat info {};
        if (stat(existing.c_str(), &info) != 0)
            return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", existing));
        AGRI_ASSIGN(const uint64_t in_place, BytesInPlace(folder));
        Demand& demand = demands[info.st_dev];
        demand.path = existing;
        demand.needed += survey.folder_bytes[i] - std::min(in_place, survey.folder_bytes[i]);
    }
    for (const auto& [device, demand] : demands) {
        struct statvfs space {};
        if (statvfs(demand.path.c_str(), &space) != 0)
            return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", demand.path));
        const uint64_t blocks = geteuid() == 0 ? space.f_bfree : space.f_bavail;
        const uint64_t free_bytes = blocks * space.f_frsize;
        if (demand.needed == 0 || free_bytes >= demand.needed + kReserveBytes) continue;
        return base::MakeError(base::ErrorCode::kNoSpace,
                               "the restore needs {} MiB at \"{}\", and {} MiB are free there",
                               (demand.needed + kReserveBytes) >> 20, demand.path, free_bytes >> 20)
            .WithHint("Nothing was written. Free space there, or map tablespaces elsewhere.");
    }
    return {};
}

}  // namespace agri::engine

#include "engine/walk_plan.hpp"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/file.hpp"
#include "engine/folder.hpp"
#include "engine/relation_file.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;
using repo::format::FileRoot;

namespace {

Result<std::string> RealPath(const std::string& path) {
    std::unique_ptr<char, decltype(&free)> resolved(realpath(path.c_str(), nullptr), &free);
    if (!resolved)
        return ErrnoError(errno, fmt::format("could not resolve \"{}\"", PrintablePath(path)));
    return std::string(resolved.get());
}

Result<std::string> ReadLink(const std::string& path) {
    char target[PATH_MAX];
    const ssize_t length = readlink(path.c_str(), target, sizeof(target));
    if (length < 0)
        return ErrnoError(errno, fmt::format("could not read symbolic link \"{}\"", path));
    return std::string(target, static_cast<size_t>(length));
}

// False when there is nothing of that name.
Result<bool> IsLink(const std::string& path) {
    struct stat info;
    if (lstat(path.c_str(), &info) == 0) return S_ISLNK(info.st_mode);
    if (errno == ENOENT) return false;
    return ErrnoError(errno, fmt::format("could not stat \"{}\"", path));
}

bool IsInside(const std::string& path, const std::string& folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

class Planner {
   public:
    Planner(const ClusterFacts& facts, base::Logger& log) : facts_(facts), log_(log) {}

    Result<WalkPlan> Plan(const wal::ControlFile& control) {
        plan_.major_version = static_cast<uint32_t>(control.major_version);
        plan_.version_folder =
            fmt::format("PG_{}_{}", control.major_version, control.catalog_version);
        AGRI_ASSIGN(data_directory_, RealPath(facts_.data_directory));
        Add(FileRoot::DATA, data_directory_, data_directory_);
        AGRI_TRY(AddTablespaces());
        AGRI_TRY(AddWal());
        for (const ConfigFile& file : facts_.config_files) AGRI_TRY(AddConfig(file));
        return std::move(plan_);
    }

   private:
    WalkRoot& Add(FileRoot::Kind kind, const std::string& path, const std::string& folder) {
        WalkRoot& added = plan_.roots.emplace_back();
        added.root.set_id(static_cast<uint32_t>(plan_.roots.size() - 1));
        added.root.set_kind(kind);
        added.root.set_path(path);
        added.folder = folder;
        return added;
    }

    // Links in pg_tblspc; plain folders there (in-place tablespaces) are the data directory's own.
    Status AddTablespaces() {
        const std::string folder = data_directory_ + "/pg_tblspc";
        AGRI_ASSIGN(const std::vector<std::string> names, ListNames(folder));
        std::vector<uint32_t> oids;
        for (const std::string& name : names)
            if (std::optional<uint32_t> oid = ParseOid(name)) oids.push_back(*oid);
        std::sort(oids.begin(), oids.end());
        for (uint32_t oid : oids) AGRI_TRY(AddTablespace(fmt::format("{}/{}", folder, oid), oid));
        return {};
    }

    Status AddTablespace(const std::string& link, uint32_t oid) {
        AGRI_ASSIGN(const bool is_link, IsLink(link));
        if (!is_link) return {};
        auto location = ReadLink(link);
        auto real = RealPath(link);
        // DROP TABLESPACE may have come between.
        AGRI_ASSIGN(const bool is_still_link, IsLink(link));
        if (!is_still_link) return {};
        if (!location) return std::move(location).error();
        if (!real)
            return std::move(real).error().In(
                fmt::format("tablespace {} at \"{}\"", oid, *location));
        WalkRoot& added = Add(FileRoot::TABLESPACE, *location, *real);
        added.root.set_oid(oid);
        added.only_child = plan_.version_folder;
        if (IsInside(*real, data_directory_))
            plan_.separate_folders.insert(real->substr(data_directory_.size() + 1));
        return {};
    }

    Status AddWal() {
        const std::string path = data_directory_ + "/pg_wal";
        AGRI_ASSIGN(const bool is_link, IsLink(path));
        if (!is_link) return {};
        AGRI_ASSIGN(std::string real, RealPath(path));
        Add(FileRoot::WAL, real, real);
        return {};
    }

    Status AddConfig(const ConfigFile& file) {
        auto real = RealPath(file.path);
        if (!real && real.error().code == ErrorCode::kIo) return std::move(real).error();
        if (!real) {
            log_.warn("configuration file \"{}\" ({}) is not backed up: {}",
                      PrintablePath(file.path), file.setting, real.error().message);
            return {};
        }
        // Those in the data directory are copied with it; one may be named by several settings.
        if (IsInside(*real, data_directory_) || !seen_.insert(file.path).second) return {};
        const size_t slash = file.path.rfind('/');
        if (slash == std::string::npos)
            return MakeError(ErrorCode::kInternal, "configuration file \"{}\" has no absolute path",
                             file.path);
        const std::string folder = slash == 0 ? "/" : file.path.substr(0, slash);
        WalkRoot& added = Add(FileRoot::CONFIG, folder, folder);
        added.root.set_config_setting(file.setting);
        added.only_child = file.path.substr(slash + 1);
        return {};
    }

    const ClusterFacts& facts_;
    base::Logger& log_;
    std::string data_directory_;
    std::set<std::string> seen_;
    WalkPlan plan_;
};

}  // namespace

Result<WalkPlan> PlanWalk(const ClusterFacts& facts, const wal::ControlFile& control,
                          base::Logger& log) {
    return Planner(facts, log).Plan(control);
}

std::string PrintablePath(std::string_view path) {
    std::string printable;
    for (char byte : path) {
        const auto value = static_cast<unsigned char>(byte);
        if (value < 0x20 || value >= 0x7f || byte == '\\')
            printable += fmt::format("\\x{:02x}", value);
        else
            printable += byte;
    }
    return printable;
}

}  // namespace agri::engine

// Depth first over open folder descriptors, so that a folder renamed or dropped meanwhile cannot
// lead elsewhere; symbolic links are never followed, but for the roots themselves.
#include "engine/file_walk.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/file.hpp"
#include "engine/exclusions.hpp"
#include "engine/folder.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::Fd;
using base::Result;
using base::Status;
using repo::format::FileRoot;

void SortedNames::Add(std::string_view name, Part part) {
    items_.push_back({bytes_.size(), static_cast<uint32_t>(name.size()), part});
    bytes_.append(name);
}

void SortedNames::Sort() {
    auto before = [this](const Item& a, const Item& b) {
        std::string_view left(bytes_.data() + a.offset, a.length);
        std::string_view right(bytes_.data() + b.offset, b.length);
        const size_t common = std::min(left.size(), right.size());
        if (int order = left.substr(0, common).compare(right.substr(0, common)); order != 0)
            return order < 0;
        auto next = [&](std::string_view name, Part part) -> int {
            if (name.size() > common) return static_cast<unsigned char>(name[common]);
            return part == Part::kContent ? '/' : -1;
        };
        return next(left, a.part) < next(right, b.part);
    };
    std::sort(items_.begin(), items_.end(), before);
}

namespace {

using Part = SortedNames::Part;

// What may be gone by the time it is looked at.
bool IsGone(int error_number) { return error_number == ENOENT || error_number == ENOTDIR; }

class RootWalker {
   public:
    RootWalker(const WalkPlan& plan, const WalkRoot& root, const WalkOptions& options,
               const std::function<Status(WalkedFile)>& visit)
        : plan_(plan), root_(root), options_(options), visit_(visit) {}

    Status Walk() {
        if (root_.root.kind() == FileRoot::WAL) return {};
        if (root_.root.kind() == FileRoot::CONFIG) return VisitConfigFile();
        auto opened = base::OpenFile(root_.folder, O_RDONLY | O_DIRECTORY);
        if (!opened && IsDropped(opened.error())) return {};
        if (!opened) return std::move(opened).error();
        Fd fd = std::move(*opened);
        WalkedFile self = Describe("");
        if (fstat(fd.get(), &self.info) != 0) return Failed("stat", root_.folder);
        self.type = repo::format::DIRECTORY;
        AGRI_TRY(visit_(std::move(self)));
        return WalkFolder(std::move(fd), "", root_.only_child);
    }

   private:
    bool IsData() const { return root_.root.kind() == FileRoot::DATA; }

    // The folder of a dropped tablespace is its owner's to remove. While the server still links to
    // it, its absence is damage.
    bool IsDropped(const base::Error& error) const {
        if (root_.root.kind() != FileRoot::TABLESPACE) return false;
        struct stat info;
        const std::string link =
            fmt::format("{}/pg_tblspc/{}", plan_.roots.front().folder, root_.root.oid());
        return error.code == base::ErrorCode::kNotFound && lstat(link.c_str(), &info) != 0 &&
               errno == ENOENT;
    }

    base::Error Failed(std::string_view verb, const std::string& path) const {
        return ErrnoError(errno, fmt::format("could not {} \"{}\"", verb, PrintablePath(path)));
    }

    WalkedFile Describe(const std::string& path) const {
        WalkedFile file;
        file.root = &root_;
        file.path = path;
        file.full_path = path.empty() ? root_.folder : root_.folder + "/" + path;
        return file;
    }

    // Configuration outside is often reached through a link (Debian's alternatives): it is
    // followed.
    Status VisitConfigFile() {
        WalkedFile file = Describe(root_.only_child);
        if (stat(file.full_path.c_str(), &file.info) != 0) {
            if (IsGone(errno)) return {};
            return Failed("stat", file.full_path);
        }
        if (!S_ISREG(file.info.st_mode)) return Skip(file);
        return visit_(std::move(file));
    }

    Status Skip(const WalkedFile& file) const {
        if (options_.log != nullptr)
            options_.log->warn("special file \"{}\" is not backed up",
                               PrintablePath(file.full_path));
        return {};
    }

    // `only`: the one child to look at, or empty.
    Status WalkFolder(const Fd& fd, const std::string& path, const std::string& only) {
        SortedNames names;
        AGRI_TRY(List(fd.get(), path, only, names));
        for (size_t i = 0; i < names.size(); ++i) {
            AGRI_TRY(options_.cancel.Check());
            const std::string name(names.name(i));
            const std::string child = path.empty() ? name : path + "/" + name;
            if (names.part(i) == Part::kEntry)
                AGRI_TRY(VisitEntry(fd.get(), name, child));
            else
                AGRI_TRY(EnterFolder(fd.get(), name, child));
        }
        return {};
    }

    // Opened anew for every reading: rewinddir() cannot fail, and would show nothing.
    Result<Folder> OpenListing(int folder_fd, const std::string& path) const {
        Fd fd = base::OpenAt(folder_fd, ".", O_RDONLY | O_DIRECTORY);
        if (!fd && IsGone(errno)) return Folder();
        Folder folder(fd ? fdopendir(fd.get()) : nullptr);
        if (!folder) return Failed("read folder", root_.folder + "/" + path);
        fd.Release();
        return folder;
    }

    Status List(int folder_fd, const std::string& path, const std::string& only,
                SortedNames& names) const {
        RelationFilter filter;
        const bool is_database = IsDatabaseFolder(path);
        auto for_each = [&](auto&& use) -> Status {
            AGRI_ASSIGN(const Folder folder, OpenListing(folder_fd, path));
            if (!folder) return {};
            for (errno = 0; const dirent* item = readdir(folder.get()); errno = 0) {
                const std::string_view name = item->d_name;
                if (name != "." && name != "..") use(name, item->d_type);
            }
            if (errno != 0) return Failed("read folder", root_.folder + "/" + path);
            return {};
        };
        if (is_database)
            AGRI_TRY(for_each([&](std::string_view name, unsigned char) { filter.Learn(name); }));
        filter.Seal();
        AGRI_TRY(for_each([&](std::string_view name, unsigned char type) {
            if (!only.empty() && name != only) return;
            if (IsExcluded(path, name) || (is_database && filter.IsExcluded(name))) return;
            names.Add(name, Part::kEntry);
            if (HasContent(folder_fd, path, name, type)) names.Add(name, Part::kContent);
        }));
        names.Sort();
        return {};
    }

    bool IsExcluded(const std::string& folder, std::string_view name) const {
        if (IsExcludedName(name)) return true;
        if (!IsData()) return false;
        if (folder.empty()) return name == "agri_backup";
        return folder == "global" && name == "pg_control";
    }

    bool HasContent(int folder_fd, const std::string& path, std::string_view name,
                    unsigned char type) const {
        if (IsContentExcluded(name)) return false;
        if (IsData() && path.empty() && name == "pg_wal") return true;
        if (type != DT_UNKNOWN) return type == DT_DIR;
        // Where it cannot be told, opening it as a folder will.
        struct stat info;
        return fstatat(folder_fd, std::string(name).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
               S_ISDIR(info.st_mode);
    }

    Status VisitEntry(int folder_fd, const std::string& name, const std::string& path) {
        WalkedFile file = Describe(path);
        if (fstatat(folder_fd, name.c_str(), &file.info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (IsGone(errno)) return {};
            return Failed("stat", file.full_path);
        }
        const bool is_emptied = IsContentExcluded(name) || (IsData() && path == "pg_wal");
        if (S_ISLNK(file.info.st_mode) && is_emptied &&
            fstatat(folder_fd, name.c_str(), &file.info, 0) != 0)
            return Failed("stat", file.full_path);
        if (S_ISDIR(file.info.st_mode)) {
            file.type = repo::format::DIRECTORY;
        } else if (S_ISLNK(file.info.st_mode)) {
            AGRI_ASSIGN(bool is_there, ReadLinkTarget(folder_fd, name, file));
            if (!is_there) return {};
        } else if (!S_ISREG(file.info.st_mode)) {
            return Skip(file);
        }
        return visit_(std::move(file));
    }

    Result<bool> ReadLinkTarget(int folder_fd, const std::string& name, WalkedFile& file) const {
        char target[PATH_MAX];
        const ssize_t length = readlinkat(folder_fd, name.c_str(), target, sizeof(target));
        if (length < 0 && (IsGone(errno) || errno == EINVAL)) return false;
        if (length < 0) return Failed("read symbolic link", file.full_path);
        file.type = repo::format::SYMLINK;
        file.link_target.assign(target, static_cast<size_t>(length));
        if (options_.log != nullptr && !(IsData() && file.path.starts_with("pg_tblspc/")))
            options_.log->warn(
                "symbolic link \"{}\" is backed up as a link: what it leads to (\"{}\") is not",
                PrintablePath(file.full_path), PrintablePath(file.link_target));
        return true;
    }

    Status EnterFolder(int folder_fd, const std::string& name, const std::string& path) {
        if (IsData() && path == "pg_wal") return VisitWalFolders(folder_fd);
        if (IsData() && plan_.separate_folders.contains(path)) return {};
        Fd fd = base::OpenAt(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!fd) {
            if (IsGone(errno) || errno == ELOOP) return {};
            return Failed("open folder", root_.folder + "/" + path);
        }
        // An in-place tablespace: like the others, it may hold other versions' parts.
        const bool is_tablespace =
            IsData() && path.starts_with("pg_tblspc/") && path.find('/', 10) == std::string::npos;
        return WalkFolder(std::move(fd), path, is_tablespace ? plan_.version_folder : "");
    }

    // The server expects these folders; what is in them comes from the archive or is made anew.
    Status VisitWalFolders(int folder_fd) {
        for (const char* name : {"archive_status", "summaries"}) {
            if (name == std::string_view("summaries") && plan_.major_version < 17) continue;
            WalkedFile file = Describe(std::string("pg_wal/") + name);
            if (fstatat(folder_fd, ("pg_wal/" + std::string(name)).c_str(), &file.info, 0) != 0 &&
                fstatat(folder_fd, "pg_wal", &file.info, 0) != 0)
                return Failed("stat", file.full_path);
            file.type = repo::format::DIRECTORY;
            AGRI_TRY(visit_(std::move(file)));
        }
        return {};
    }

    const WalkPlan& plan_;
    const WalkRoot& root_;
    const WalkOptions& options_;
    const std::function<Status(WalkedFile)>& visit_;
};

}  // namespace

Status WalkFiles(const WalkPlan& plan, const WalkOptions& options,
                 const std::function<Status(WalkedFile)>& visit) {
    for (const WalkRoot& root : plan.roots) AGRI_TRY(RootWalker(plan, root, options, visit).Walk());
    return {};
}

}  // namespace agri::engine

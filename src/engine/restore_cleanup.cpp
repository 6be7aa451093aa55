#include "engine/restore_cleanup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/count.hpp"
#include "engine/target_walk.hpp"
#include "engine/walk_plan.hpp"
#include "wal/page.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::Result;
using base::Status;
using repo::format::FileType;

namespace {

FileType TypeOf(const struct stat& info) {
    if (S_ISREG(info.st_mode)) return repo::format::REGULAR;
    if (S_ISDIR(info.st_mode)) return repo::format::DIRECTORY;
    if (S_ISLNK(info.st_mode)) return repo::format::SYMLINK;
    return repo::format::FILE_UNSPECIFIED;
}

class Cleanup {
   public:
    Cleanup(const RestoreLayout& layout, const KnownNames& names, RestoreRole role,
            const repo::Incarnation& incarnation, const Context& context)
        : layout_(layout),
          names_(names),
          role_(role),
          incarnation_(incarnation),
          archive_(incarnation),
          context_(context) {}

    Result<CleanupResult> Run() {
        for (size_t i = 0; i < layout_.folders().size(); ++i) {
            const RestoreFolder& folder = layout_.folders()[i];
            AGRI_TRY(WalkTarget(layout_.opened(i), folder.only_child,
                                [&](const FoundEntry& entry) { return Visit(i, entry); }));
        }
        if (saved_segments_ > 0)
            result_.notes.push_back(fmt::format(
                "the archive lacks {} of the old cluster, kept in folder {} (in pg_wal): archive "
                "with wal-push, or remove that folder",
                base::Count(saved_segments_, "WAL file"), kSavedWalFolder));
        return std::move(result_);
    }

   private:
    // Path within pg_wal, wherever that is; empty for everything else.
    std::string_view WalPath(size_t folder, std::string_view path) const {
        if (layout_.folders()[folder].kind == FolderKind::kWal) return path;
        if (folder == 0 && path.starts_with("pg_wal/")) return path.substr(7);
        return {};
    }

    // pg_wal of the data directory becomes a link when pg_wal is put elsewhere.
    std::string SavedPlace(size_t folder) const {
        const bool is_inside = folder == 0 && !layout_.wal_folder();
        return (is_inside ? "pg_wal/" : "") + std::string(kSavedWalFolder);
    }

    bool IsKept(size_t folder, const FoundEntry& entry) const {
        if (names_.Contains(folder, entry.path, TypeOf(entry.info))) return true;
        const std::string saved = SavedPlace(folder);
        if (entry.path == saved || entry.path.starts_with(saved + "/")) return true;
        if (folder != 0) return false;
        // The claim says who may write to the repository: this very directory, if it goes on as the
        // original.
        const bool is_claim =
            entry.path == "agri_backup" || entry.path.starts_with("agri_backup/claim");
        return entry.path == kRestoreMarker || entry.path == kOldControlFile ||
               (is_claim && role_ == RestoreRole::kOriginal);
    }

    Status Visit(size_t folder, const FoundEntry& entry) {
        AGRI_TRY(context_.cancel.Check());
        if (IsKept(folder, entry)) return {};
        const std::string_view wal = WalPath(folder, entry.path);
        if (!wal.empty() && S_ISREG(entry.info.st_mode)) {
            AGRI_ASSIGN(const bool saved, SaveUnarchived(folder, entry, wal));
            if (saved) return {};
        }
        const bool was_linked =
            folder == 0 && entry.path == "pg_wal" && S_ISLNK(entry.info.st_mode);
        if (was_linked && !layout_.wal_folder())
            result_.notes.push_back(
                "pg_wal was a symbolic link; it is a folder now, and the folder that it led to was "
                "left as it is (use --wal-dir to link it again)");
        return Remove(folder, entry);
    }

    Status Remove(size_t folder, const FoundEntry& entry) {
        const bool is_folder = S_ISDIR(entry.info.st_mode);
        if (unlinkat(entry.parent_fd, entry.name.c_str(), is_folder ? AT_REMOVEDIR : 0) == 0) {
            result_.removed_files += is_folder ? 0 : 1;
            return {};
        }
        if (errno == ENOENT || (is_folder && errno == ENOTEMPTY)) return {};
        return ErrnoError(errno,
                          fmt::format("could not remove \"{}\"",
                                      PrintablePath(layout_.opened(folder).Full(entry.path))));
    }

    // Whether the file holds the WAL that its name says: recycled segments still have an older
    // address.
    bool HoldsItsWal(const FoundEntry& entry, const base::WalFileName& name) const {
        auto fd =
            base::OpenFileAt(entry.parent_fd, entry.name, O_RDONLY | O_NOFOLLOW, 0, entry.path);
        std::array<std::byte, wal::kLongPageHeaderBytes> start{};
        if (!fd) return false;
        auto read = base::ReadAt(fd->get(), 0, start, entry.path);
        if (!read || *read != start.size()) return false;
        auto header = wal::ReadSegmentHeader(start);
        const uint64_t size = incarnation_.info().wal_segment_size();
        auto segment = base::SegmentId::Parse(name.segment_name, size);
        return header && segment &&
               wal::CheckSegmentIdentity(*header,
                                         {incarnation_.info().system_identifier(), *segment, size})
                   .has_value();
    }

    Result<bool> SaveUnarchived(size_t folder, const FoundEntry& entry, std::string_view path) {
        auto name = base::WalFileName::Parse(path);
        if (!name || (name->kind != base::WalFileKind::kSegment &&
                      name->kind != base::WalFileKind::kPartial))
            return false;
        if (!HoldsItsWal(entry, *name)) return false;
        AGRI_ASSIGN(const bool archived, archive_.Exists(*name));
        if (archived) return false;
        const TargetFolder& target = layout_.opened(folder);
        const std::string place = SavedPlace(folder);
        AGRI_TRY(target.MakeFolder(place, 0700));
        AGRI_TRY(target.Rename(entry.path, place + "/" + name->name));
        ++saved_segments_;
        return true;
    }

    const RestoreLayout& layout_;
    const KnownNames& names_;
    const RestoreRole role_;
    const repo::Incarnation& incarnation_;
    const repo::WalArchive archive_;
    const Context& context_;
    CleanupResult result_;
    uint64_t saved_segments_ = 0;
};

}  // namespace

Status DisableControlFile(const TargetFolder& data) {
    AGRI_ASSIGN(const auto info, data.Stat(kControlFile));
    if (!info) return {};
    return data.Rename(kControlFile, kOldControlFile);
}

Result<CleanupResult> RemoveForeignFiles(const RestoreLayout& layout, const KnownNames& names,
                                         RestoreRole role, const repo::Incarnation& incarnation,
                                         const Context& context) {
    return Cleanup(layout, names, role, incarnation, context).Run();
}

}  // namespace agri::engine

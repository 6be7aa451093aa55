#include "engine/restore_files.hpp"

#include <algorithm>
#include <thread>

#include "base/bounded_queue.hpp"
#include "engine/first_error.hpp"
#include "engine/parallel.hpp"

namespace agri::engine {

using base::Result;
using base::Status;
using repo::format::FileEntry;
using FileRun = repo::ManifestReader::FileRun;

namespace {

constexpr uint64_t kPieceBytes = 64u << 20;
// Neighbouring small files often share a chunk: a thread takes many of them at once.
constexpr uint64_t kUnitBytes = 16u << 20;
constexpr size_t kUnitPieces = 512;
constexpr uint64_t kThreadBytes = 16u << 20;  // buffers of one thread, at most
constexpr mode_t kFolderMode = 0700;

using Unit = std::vector<FilePiece>;

bool IsHeldBack(const FileEntry& entry, const PlacedFile& placed) {
    return entry.written_last() || (placed.folder == 0 && placed.path == kControlFile);
}

class FileRestore {
   public:
    FileRestore(const repo::ManifestReader& manifest, const RestoreLayout& layout,
                const RestoreFilesOptions& options, const Context& context)
        : manifest_(manifest),
          layout_(layout),
          options_(options),
          context_(context),
          queue_(2 * ThreadCount()) {}

    Result<RestoredFiles> Run() {
        std::vector<std::jthread> workers;
        AGRI_TRY(StartThreads(workers, ThreadCount(), [this] { Work(); }));
        Status produced = RunGuarded([this] { return Produce(); });
        if (!produced) Fail(std::move(produced).error());
        queue_.Close();
        workers.clear();
        AGRI_TRY(failure_.Check());
        result_.files = files_;
        result_.bytes = bytes_;
        result_.written_bytes = written_bytes_;
        return std::move(result_);
    }

   private:
    uint32_t ThreadCount() const {
        const uint64_t affordable =
            std::max<uint64_t>(1, context_.settings.memory_limit_bytes / kThreadBytes);
        return static_cast<uint32_t>(
            std::min<uint64_t>(context_.settings.EffectiveParallel(), affordable));
    }

    void Fail(base::Error error) {
        failure_.Set(std::move(error));
        queue_.Abort();
    }

    Status Produce() {
        AGRI_TRY(manifest_.ForEachFile([this](const FileRun& run) { return Visit(run); }));
        return Flush();
    }

    Status Visit(const FileRun& run) {
        AGRI_TRY(context_.cancel.Check());
        if (run.first_offset == 0) {
            AGRI_ASSIGN(const bool is_regular, Begin(run.entry));
            if (!is_regular) return {};
        } else if (!job_) {
            return {};
        }
        AGRI_TRY(AddExtents(run));
        if (!run.last) return {};
        std::shared_ptr<FileJob> job = std::move(job_);
        return EndPiece(*job);
    }

    // Makes folders and links at once; for a regular file, opens the job. False when there is
    // nothing more to do.
    Result<bool> Begin(const FileEntry& entry) {
        job_.reset();
        AGRI_ASSIGN(const std::optional<PlacedFile> placed, layout_.Place(entry));
        if (!placed) return false;
        const TargetFolder& folder = layout_.opened(placed->folder);
        if (entry.type() == repo::format::DIRECTORY) {
            AGRI_TRY(folder.MakeFolder(placed->path, kFolderMode));
            return false;
        }
        AGRI_TRY(MakeParent(folder, placed->path));
        if (entry.type() == repo::format::SYMLINK) {
            AGRI_TRY(folder.MakeLink(placed->path, entry.link_target()));
            return false;
        }
        job_ = std::make_shared<FileJob>();
        job_->entry = entry;
        job_->folder = &folder;
        job_->path = placed->path;
        if (IsHeldBack(entry, *placed)) {
            result_.held_back.push_back({placed->folder, placed->path});
            job_->path += kHeldBackSuffix;
        }
        return true;
    }

    // Folders come before their files, but for configuration from outside: its folders are not
    // listed.
    Status MakeParent(const TargetFolder& folder, std::string_view path) {
        const std::string_view parent = SplitLast(path).folder;
        if (made_in_ == &folder && made_ == parent) return {};
        AGRI_TRY(folder.MakeFolder(parent, kFolderMode));
        made_in_ = &folder;
        made_ = parent;
        return {};
    }

    Status AddExtents(const FileRun& run) {
        FilePiece piece{job_, run.first_offset, {}};
        uint64_t length = 0;
        for (const FileExtent& extent : run.extents) {
            piece.extents.push_back(extent);
            length += extent.length;
            if (length < kPieceBytes) continue;
            const uint64_t next = piece.offset + length;
            AGRI_TRY(AddPiece(std::move(piece), length));
            piece = FilePiece{job_, next, {}};
            length = 0;
        }
        // A file without content needs a piece too: it has to be made.
        if (length == 0 && piece.offset != 0) return {};
        return AddPiece(std::move(piece), length);
    }

    Status AddPiece(FilePiece piece, uint64_t length) {
        ++piece.job->open_pieces;
        unit_.push_back(std::move(piece));
        unit_bytes_ += length;
        if (unit_bytes_ < kUnitBytes && unit_.size() < kUnitPieces) return {};
        return Flush();
    }

    Status Flush() {
        if (unit_.empty()) return {};
        unit_bytes_ = 0;
        if (queue_.Push(std::exchange(unit_, {}))) return {};
        AGRI_TRY(failure_.Check());
        return base::Error(base::ErrorCode::kInternal, "the restore's queue was closed");
    }

    void Work() {
        Status status = RunGuarded([this]() -> Status {
            PieceWriter writer(manifest_, options_.existing);
            while (std::optional<Unit> unit = queue_.Pop()) AGRI_TRY(WriteUnit(writer, *unit));
            written_bytes_ += writer.written_bytes();
            return {};
        });
        if (!status) Fail(std::move(status).error());
    }

    Status WriteUnit(PieceWriter& writer, const Unit& unit) {
        for (const FilePiece& piece : unit) {
            AGRI_TRY(context_.cancel.Check());
            if (failure_.IsSet()) return {};
            auto written = writer.Write(piece, context_.progress.bytes_done);
            if (!written)
                return std::move(written).error().In(
                    fmt::format("could not restore \"{}\" of backup {}", piece.job->Full(),
                                manifest_.header().backup_id()));
            AGRI_TRY(EndPiece(*piece.job));
        }
        return {};
    }

    Status EndPiece(FileJob& job) {
        if (--job.open_pieces > 0) return {};
        AGRI_TRY(job.Finish(options_.owners, manifest_.header().backup_id()));
        ++files_;
        bytes_ += job.entry.size();
        ++context_.progress.files_done;
        return {};
    }

    const repo::ManifestReader& manifest_;
    const RestoreLayout& layout_;
    const RestoreFilesOptions& options_;
    const Context& context_;
    base::BoundedQueue<Unit> queue_;
    FirstError failure_;
    std::atomic<uint64_t> files_{0}, bytes_{0}, written_bytes_{0};
    // The producer's own.
    RestoredFiles result_;
    std::shared_ptr<FileJob> job_;
    Unit unit_;
    uint64_t unit_bytes_ = 0;
    const TargetFolder* made_in_ = nullptr;
    std::string made_;
};

}  // namespace

Result<RestoredFiles> RestoreFiles(const repo::ManifestReader& manifest,
                                   const RestoreLayout& layout, const RestoreFilesOptions& options,
                                   const Context& context) {
    return FileRestore(manifest, layout, options, context).Run();
}

}  // namespace agri::engine

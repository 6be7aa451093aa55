#include "engine/backup_copy.hpp"

#include <algorithm>

#include "codec/digest.hpp"
#include "engine/parallel.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Fd;
using base::MakeError;
using base::Status;
using repo::format::FileEntry;

namespace {

constexpr size_t kQueuedTasks = 256;
constexpr size_t kWindowFiles = 16384;
// An extent takes about 100 bytes of memory until its file is written to the manifest.
constexpr uint64_t kWindowExtents = 32768;
// Chunk, bundle, frame and compressor of one thread (zstd's tables grow with the level); the window
// and the manifest.
constexpr int kLastModerateLevel = 9;
constexpr uint64_t kBytesPerThread = 8u << 20;
constexpr uint64_t kBytesPerThreadAtHighLevels = 32u << 20;
constexpr uint64_t kSharedBytes = 32u << 20;

uint64_t ExtentsOf(uint64_t size) { return size / kChunkBytes + 1; }

}  // namespace

uint32_t CopyThreads(const Settings& settings) {
    const uint64_t room = std::max(settings.memory_limit_bytes, kSharedBytes) - kSharedBytes;
    const bool is_moderate = settings.compression_level <= kLastModerateLevel;
    const uint64_t each = is_moderate ? kBytesPerThread : kBytesPerThreadAtHighLevels;
    const uint64_t fitting = std::max<uint64_t>(1, room / each);
    const uint64_t parallel = settings.EffectiveParallel();
    // A thread waits for the disk while its pack is made durable (a tenth of the time, measured):
    // others keep the processors busy meanwhile. Whoever asks for one gets one.
    const uint64_t threads = parallel == 1 ? 1 : parallel + (parallel + 3) / 4;
    return static_cast<uint32_t>(std::min(threads, fitting));
}

const std::vector<std::string>& BackupCopy::LateFileNames() {
    static const std::vector<std::string> names = {"backup_label", "global/pg_control",
                                                   "tablespace_map"};
    return names;
}

BackupCopy::BackupCopy(const repo::Incarnation& incarnation, const WalkPlan& plan,
                       PageChecker* checker, FirstError& failure, const CopyOptions& options,
                       const Context& context)
    : incarnation_(incarnation),
      options_(options),
      shared_{context,
              plan,
              failure,
              CopyQueue(kQueuedTasks),
              FileWindow(kWindowFiles, kWindowExtents),
              checker,
              options.hooks,
              {}},
      metadata_packs_(NewPackWriter()),
      manifest_(incarnation, metadata_packs_) {}

BackupCopy::~BackupCopy() {
    if (threads_.empty()) return;
    shared_.Fail(MakeError(ErrorCode::kInternal, "the copy was given up"));
    StopThreads();
}

repo::PackWriter BackupCopy::NewPackWriter() {
    repo::PackWriterOptions options;
    options.backup_id = options_.backup_id;
    options.digest_seed = options_.digest_seed;
    options.compression_level = shared_.context.settings.compression_level;
    options.on_begin = [this](const repo::PackId& pack) {
        std::lock_guard lock(packs_mutex_);
        begun_packs_.push_back(pack);
    };
    options.on_pack = [this](repo::format::PackRef pack) {
        std::lock_guard lock(packs_mutex_);
        pack_refs_.push_back(std::move(pack));
    };
    return repo::PackWriter(incarnation_, std::move(options));
}

uint64_t BackupCopy::stored_bytes() const { return shared_.context.progress.stored_bytes; }

Status BackupCopy::Run() {
    AGRI_TRY(
        StartThreads(threads_, CopyThreads(shared_.context.settings), [this] { WorkerThread(); }));
    Status walked = WalkAndCollect();
    if (!walked) shared_.Fail(walked.error());
    StopThreads();
    return shared_.failure.Check();
}

void BackupCopy::WorkerThread() noexcept {
    try {
        Status done = CopyWorker(shared_, NewPackWriter()).Run();
        if (!done) shared_.Fail(std::move(done).error());
    } catch (const std::exception& broken) {
        shared_.Fail(MakeError(ErrorCode::kInternal, "a copying thread failed: {}", broken.what()));
    }
}

void BackupCopy::StopThreads() {
    shared_.queue.Close();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

Status BackupCopy::WalkAndCollect() {
    const WalkOptions options{shared_.context.cancel, shared_.context.log.get()};
    AGRI_TRY(WalkFiles(shared_.plan, options,
                       [this](WalkedFile file) { return OnFile(std::move(file)); }));
    // Threads that still hold small files let go of them when nothing more can come.
    shared_.queue.SetStalled();
    AGRI_TRY(CollectRest());
    return ReserveLateFilesBefore(UINT32_MAX, "");
}

Status BackupCopy::OnFile(WalkedFile walked) {
    AGRI_TRY(shared_.CheckGoingOn());
    AGRI_TRY(MakeRoom());
    auto file = std::make_shared<PendingFile>();
    file->entry = MakeFileEntry(walked, owners_);
    file->full_path = std::move(walked.full_path);
    if (walked.type != repo::format::REGULAR) {
        AGRI_TRY(ReadPathAttributes(file->full_path, file->entry));
        shared_.window.Add(std::move(file));
        return {};
    }
    if (file->entry.size() <= kRangeBytes) return Enqueue(std::move(file), nullptr);
    if (shared_.hooks.before_open) shared_.hooks.before_open(file->full_path);
    struct stat info;
    AGRI_ASSIGN(std::optional<Fd> fd, OpenForCopy(walked.root->root, file->full_path, info));
    if (!fd) {
        ++shared_.counters.gone;
        return {};
    }
    SetFileFacts(info, file->entry);
    AGRI_TRY(ReadFileAttributes(fd->get(), file->full_path, file->entry));
    if (shared_.hooks.after_open) shared_.hooks.after_open(file->full_path);
    return Enqueue(std::move(file), std::make_shared<Fd>(std::move(*fd)));
}

Status BackupCopy::Enqueue(std::shared_ptr<PendingFile> file, std::shared_ptr<Fd> fd) {
    const uint64_t size = file->entry.size();
    const uint64_t count = fd ? std::max<uint64_t>(1, (size + kRangeBytes - 1) / kRangeBytes) : 1;
    file->ranges.resize(count);
    for (uint64_t i = 0; i < count; ++i)
        file->ranges[i].length = std::min(kRangeBytes, size - i * kRangeBytes);
    file->ranges_left = static_cast<uint32_t>(count);
    file->extents_expected = ExtentsOf(size);
    shared_.window.Add(file);
    for (uint64_t i = 0; i < count; ++i) {
        CopyTask task{file, fd, i * kRangeBytes, static_cast<uint32_t>(i)};
        if (!shared_.queue.Push(std::move(task))) return shared_.CheckGoingOn();
    }
    return {};
}

Status BackupCopy::MakeRoom() {
    AGRI_TRY(CollectFinished());
    if (shared_.window.HasRoom()) return {};
    shared_.queue.SetStalled();
    while (!shared_.window.HasRoom()) {
        if (!shared_.window.WaitForFront()) return shared_.failure.Check();
        AGRI_TRY(CollectFinished());
    }
    shared_.queue.ClearStalled();
    return {};
}

Status BackupCopy::CollectFinished() {
    while (std::shared_ptr<PendingFile> file = shared_.window.TakeFront())
        AGRI_TRY(AddToManifest(*file));
    return {};
}

Status BackupCopy::CollectRest() {
    while (true) {
        AGRI_TRY(CollectFinished());
        if (shared_.window.IsEmpty()) return {};
        if (!shared_.window.WaitForFront()) return shared_.failure.Check();
    }
}

Status BackupCopy::AddToManifest(PendingFile& file) {
    AGRI_TRY(ReserveLateFilesBefore(file.entry.root(), file.entry.path()));
    if (file.is_gone) return {};
    std::vector<FileExtent> extents;
    if (file.entry.type() == repo::format::REGULAR) {
        uint32_t crc = 0;
        for (FileRange& range : file.ranges) {
            crc = codec::Crc32cCombine(crc, range.crc32c, range.length);
            for (const FileExtent& extent : range.extents) AppendExtent(extent, extents);
            range.extents = {};
        }
        file.entry.set_crc32c(crc);
        file.entry.set_has_crc32c(true);
        ++shared_.counters.files;
        shared_.counters.bytes += file.entry.size();
        ++shared_.context.progress.files_done;
    }
    return manifest_.AddFile(std::move(file.entry), extents);
}

Status BackupCopy::ReserveLateFilesBefore(uint32_t root, std::string_view path) {
    const std::vector<std::string>& names = LateFileNames();
    while (late_reserved_ < names.size() && (root > kDataRoot || names[late_reserved_] < path))
        AGRI_TRY(manifest_.ReserveLateFile(kDataRoot, names[late_reserved_++]));
    return {};
}

Status BackupCopy::AddLateFile(const LateFile& file) {
    WalkedFile walked;
    walked.root = &shared_.plan.roots[kDataRoot];
    walked.path = file.path;
    walked.info = file.info;
    FileEntry entry = MakeFileEntry(walked, owners_);
    entry.set_size(file.content.size());
    entry.set_crc32c(codec::Crc32c(0, file.content));
    entry.set_has_crc32c(true);
    entry.set_written_last(file.is_written_last);
    std::vector<FileExtent> extents;
    if (!file.content.empty()) {
        const auto length = static_cast<uint32_t>(file.content.size());
        AGRI_ASSIGN(repo::StoredChunk chunk,
                    metadata_packs_.Append(file.content, {{kDataRoot, file.path, 0, 0, length}}));
        extents.push_back({length, chunk, 0});
    }
    ++shared_.counters.files;
    shared_.counters.bytes += file.content.size();
    return manifest_.AddLateFile(std::move(entry), extents);
}

Status BackupCopy::Finish() {
    AGRI_TRY(manifest_.FinishFiles());
    AGRI_TRY(metadata_packs_.Finish());
    shared_.context.progress.stored_bytes += metadata_packs_.stored_bytes();
    return {};
}

Status BackupCopy::RemovePacks() {
    std::lock_guard lock(packs_mutex_);
    storage::Storage& storage = incarnation_.repository().storage();
    for (const repo::PackId& pack : begun_packs_)
        AGRI_TRY(storage.Remove(incarnation_.keys().Pack(pack)));
    return {};
}

Status BackupCopy::Commit(const repo::format::ManifestHeader& header,
                          std::vector<repo::format::PageFailure> page_failures) {
    for (auto& failure : page_failures) manifest_.AddPageFailure(std::move(failure));
    std::lock_guard lock(packs_mutex_);
    return manifest_.Commit(header, pack_refs_);
}

}  // namespace agri::engine

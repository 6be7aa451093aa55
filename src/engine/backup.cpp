// The order of steps is the safety: nothing is copied before the intent stands, pg_control is read
// last, and the manifest, which makes the backup exist, is put when all it rests on is durable.
#include "engine/backup.hpp"

#include "engine/backup_checks.hpp"
#include "engine/backup_copy.hpp"
#include "engine/backup_header.hpp"
#include "engine/control_file.hpp"
#include "engine/crashed_backups.hpp"
#include "engine/lease_keeper.hpp"
#include "engine/page_report.hpp"
#include "engine/wal_wait.hpp"
#include "repo/machine.hpp"
#include "storage/waiting.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;
using repo::format::ManifestHeader;

namespace {

constexpr std::string_view kLeaseName = "backup";

class BackupRun {
   public:
    BackupRun(const repo::Incarnation& incarnation, ClusterPort& cluster,
              const BackupRequest& request, const Context& context)
        : incarnation_(incarnation), cluster_(cluster), request_(request), context_(context) {}

    Result<ManifestHeader> Run();

   private:
    Status Register();
    Result<ManifestHeader> RunRegistered();
    Status Prepare();
    Status Estimate();
    Status Start();
    Status CopyAll();
    Status CopyControlFile();
    Status Stop();
    Status AddLabelFiles();
    Status WaitForNeededWal();
    Status GoOn() const;
    Result<ManifestHeader> Commit();
    bool LeavesNothing();

    const repo::Incarnation& incarnation_;
    ClusterPort& cluster_;
    const BackupRequest& request_;
    const Context& context_;

    std::string id_;
    base::WallTime started_{};
    base::MonotonicTime started_monotonic_{};
    FirstError failure_;
    ClusterFacts facts_;
    wal::ControlFile control_;
    WalkPlan plan_;
    BackupStart start_;
    BackupStop stop_;
    bool is_in_backup_mode_ = false;
    bool is_committing_ = false;
    uint64_t digest_seed_ = 0;
    std::string timeline_history_;
    std::optional<PageChecker> checker_;
    std::optional<BackupCopy> copy_;
};

Result<ManifestHeader> BackupRun::Run() {
    AGRI_TRY(CheckBackupRequest(request_));
    context_.progress.SetPhase("starting");
    started_ = context_.clock.Now();
    started_monotonic_ = context_.clock.Monotonic();
    id_ = repo::NewBackupId(started_, request_.kind, context_.random);
    context_.random.Fill({reinterpret_cast<std::byte*>(&digest_seed_), sizeof(digest_seed_)});

    repo::LeaseOptions lease_options;
    lease_options.name = kLeaseName;
    lease_options.purpose = "full backup " + id_;
    lease_options.time_to_live = context_.settings.lease_time;
    // Another host's backup that died would otherwise stand in the way for ever.
    lease_options.wait_for_expiry = true;
    lease_options.yield_to_working = true;
    lease_options.wait = storage::WaitOn(context_.cancel);
    AGRI_ASSIGN(auto lease, repo::LeaseGuard::Acquire(incarnation_, lease_options, context_.clock,
                                                      context_.random));
    LeaseKeeper keeper(std::move(lease), context_.settings.lease_time, failure_);
    AGRI_TRY(Register());
    Status held = RemoveCrashedBackups(incarnation_, id_, keeper, context_);
    Result<ManifestHeader> header = held ? RunRegistered() : std::move(held).error();
    const bool is_settled = header || LeavesNothing();
    copy_.reset();
    // While the intent stands, the next backup removes what this one left.
    if (!is_settled) return header;
    Status removed = repo::RemoveIntent(incarnation_, id_);
    if (!removed)
        context_.log->warn("the intent of backup {} could not be removed: {}", id_,
                           removed.error().ToString());
    return header;
}

Status BackupRun::Register() {
    repo::format::BackupIntent intent;
    intent.set_backup_id(id_);
    intent.set_host(repo::HostName());
    intent.set_pid(getpid());
    intent.set_since_us(started_.time_since_epoch().count());
    AGRI_TRY(repo::PutIntent(incarnation_, intent));
    context_.log->info("backup {} of cluster \"{}\" begins", id_, incarnation_.cluster());
    if (request_.on_started) request_.on_started(id_);
    return {};
}

Result<ManifestHeader> BackupRun::RunRegistered() {
    auto steps = [this]() -> Status {
        AGRI_TRY(Prepare());
        AGRI_TRY(Start());
        AGRI_TRY(CopyAll());
        AGRI_TRY(Stop());
        AGRI_TRY(AddLabelFiles());
        AGRI_TRY(copy_->Finish());
        return WaitForNeededWal();
    };
    Status done = steps();
    // Ends backup mode now rather than when the connection closes; what it returns is of no use.
    if (!done && is_in_backup_mode_) (void)cluster_.StopBackup();
    if (!done) {
        context_.log->warn("backup {} failed: {}", id_, done.error().ToString());
        return std::move(done).error();
    }
    return Commit();
}

// A manifest that could not be put may stand there all the same, and rest on the packs.
bool BackupRun::LeavesNothing() {
    if (!copy_) return true;
    if (is_committing_) return false;
    Status removed = copy_->RemovePacks();
    if (!removed)
        context_.log->warn("what backup {} stored could not be removed: {}", id_,
                           removed.error().ToString());
    return removed.has_value();
}

Status BackupRun::GoOn() const {
    AGRI_TRY(failure_.Check());
    return context_.cancel.Check();
}

Status BackupRun::Prepare() {
    AGRI_ASSIGN(facts_, cluster_.Facts());
    AGRI_ASSIGN(ControlImage image, ReadControlImage(facts_.data_directory, context_.cancel));
    control_ = image.control;
    AGRI_TRY(CheckBackupCluster(incarnation_, facts_, control_));
    // For the checks and the estimate alone: the plan to copy by is made after the start.
    ClusterFacts folders_only = facts_;
    folders_only.config_files.clear();
    AGRI_ASSIGN(plan_, PlanWalk(folders_only, control_, *context_.log));
    AGRI_TRY(CheckRepositoryPlace(incarnation_, plan_));
    return Estimate();
}

// A first walk, so that progress has a total; it also warms the kernel's cache of names.
Status BackupRun::Estimate() {
    uint64_t bytes = 0, files = 0;
    AGRI_TRY(WalkFiles(plan_, {context_.cancel, nullptr}, [&](WalkedFile file) -> Status {
        if (file.type != repo::format::REGULAR) return {};
        bytes += static_cast<uint64_t>(file.info.st_size);
        ++files;
        return {};
    }));
    context_.progress.bytes_total = bytes;
    context_.progress.files_total = files;
    return {};
}

Status BackupRun::Start() {
    AGRI_TRY(GoOn());
    context_.progress.SetPhase("checkpoint");
    AGRI_ASSIGN(start_, cluster_.StartBackup(request_.label.empty() ? "agri_backup " + id_
                                                                    : request_.label));
    is_in_backup_mode_ = true;
    // WAL from the start point on tells of no tablespace that was made before it.
    AGRI_ASSIGN(plan_, PlanWalk(facts_, control_, *context_.log));
    AGRI_TRY(CheckRepositoryPlace(incarnation_, plan_));
    if (control_.HasDataChecksums())
        checker_.emplace(PageCheckerOptions{
            control_.block_size_bytes, control_.blocks_per_relation_segment, start_.start_lsn});
    else
        context_.log->info(
            "data checksums are off in this cluster: its pages are copied unchecked");
    return {};
}

Status BackupRun::CopyAll() {
    context_.progress.SetPhase("copying");
    copy_.emplace(incarnation_, plan_, checker_ ? &*checker_ : nullptr, failure_,
                  CopyOptions{id_, digest_seed_, {}}, context_);
    AGRI_TRY(copy_->Run());
    return CopyControlFile();
}

Status BackupRun::CopyControlFile() {
    AGRI_ASSIGN(ControlImage image, ReadControlImage(facts_.data_directory, context_.cancel));
    control_ = image.control;
    return copy_->AddLateFile({"global/pg_control", image.info, image.bytes, true});
}

Status BackupRun::Stop() {
    AGRI_TRY(GoOn());
    context_.progress.SetPhase("stopping");
    AGRI_ASSIGN(stop_, cluster_.StopBackup());
    is_in_backup_mode_ = false;
    if (stop_.backup_label.empty() || stop_.stop_lsn < start_.start_lsn)
        return MakeError(ErrorCode::kInternal,
                         "the server ended the backup without a usable label or stop point");
    return {};
}

Status BackupRun::AddLabelFiles() {
    struct stat info;
    const std::string& folder = plan_.roots[kDataRoot].folder;
    if (stat(folder.c_str(), &info) != 0)
        return base::ErrnoError(errno, fmt::format("could not stat \"{}\"", folder));
    // As the server makes files in this data directory: group-readable when the folder is.
    info.st_mode &= 0640;
    AGRI_TRY(copy_->AddLateFile({"backup_label", info, base::AsBytes(stop_.backup_label)}));
    if (stop_.tablespace_map.empty()) return {};
    return copy_->AddLateFile({"tablespace_map", info, base::AsBytes(stop_.tablespace_map)});
}

Status BackupRun::WaitForNeededWal() {
    const HistorySource source{incarnation_, facts_.data_directory, *context_.log};
    AGRI_ASSIGN(timeline_history_, ReadTimelineHistory(source, start_.timeline));
    AGRI_ASSIGN(std::string text, ReadTimelineHistory(source, stop_.timeline));
    AGRI_ASSIGN(wal::TimelineHistory history, wal::TimelineHistory::Parse(stop_.timeline, text));
    const WalNeed need{
        start_.start_lsn,   stop_.stop_lsn,       history, incarnation_.info().wal_segment_size(),
        facts_.in_recovery, facts_.data_directory};
    return WaitForWal(
        incarnation_, need, request_.wal_timeout, [this] { return GoOn(); }, context_);
}

Result<ManifestHeader> BackupRun::Commit() {
    context_.progress.SetPhase("writing manifest");
    std::vector<repo::format::PageFailure> failures;
    if (checker_) failures = ReportPageFailures(*checker_, stop_.stop_lsn, cluster_, *context_.log);
    AGRI_TRY(GoOn());
    repo::format::BackupStatistics statistics;
    const CopyCounters& counters = copy_->counters();
    statistics.set_files(counters.files);
    statistics.set_bytes(counters.bytes);
    statistics.set_read_bytes(counters.read_bytes);
    statistics.set_zero_bytes(counters.zero_bytes);
    statistics.set_new_bytes(copy_->stored_bytes());
    statistics.set_pages_checked(checker_ ? checker_->pages_checked() : 0);
    statistics.set_page_failures(checker_ ? checker_->failures() : 0);
    statistics.set_duration_ms(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                  context_.clock.Monotonic() - started_monotonic_)
                                  .count()));
    ManifestHeader header = MakeBackupHeader({incarnation_, request_, facts_, control_, plan_, id_,
                                              start_, stop_, started_, context_.clock.Now(),
                                              digest_seed_, timeline_history_, statistics});
    // While files were copied, the repository may have been made anew, or another server been let
    // write into it.
    AGRI_TRY(incarnation_.repository().CheckSame());
    if (request_.before_commit) AGRI_TRY(request_.before_commit());
    is_committing_ = true;
    AGRI_TRY(copy_->Commit(header, std::move(failures)));
    context_.progress.SetPhase("done");
    context_.log->info("backup {} is complete: {} files, {} bytes, {} stored", id_,
                       statistics.files(), statistics.bytes(), statistics.new_bytes());
    return header;
}

}  // namespace

Result<ManifestHeader> RunBackup(const repo::Incarnation& incarnation, ClusterPort& cluster,
                                 const BackupRequest& request, const Context& context) {
    return BackupRun(incarnation, cluster, request, context).Run();
}

}  // namespace agri::engine

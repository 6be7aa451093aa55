// The kinds of jobs. Each opens the repository for itself and leaves the cached state fresh.
#include "worker/job.hpp"

#include <algorithm>
#include <charconv>

#include "base/count.hpp"
#include "engine/backup.hpp"
#include "engine/init.hpp"
#include "engine/report.hpp"
#include "engine/scheduled_backup.hpp"
#include "engine/server_role.hpp"
#include "engine/verify.hpp"
#include "repo/claim.hpp"
#include "worker/archive_client.hpp"
#include "worker/findings_file.hpp"
#include "worker/report_keeper.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using base::Error;
using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr size_t kLongestJobName = 64;

bool IsValidJobName(std::string_view name) {
    auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
    return !name.empty() && name.size() <= kLongestJobName &&
           std::all_of(name.begin(), name.end(), allowed);
}

// What every kind works with.
class Job {
   public:
    Job(const JobInputs& inputs, const engine::Settings& settings)
        : inputs_(inputs),
          settings_(settings),
          repository_settings_(settings.repositories.at(0)),
          context_{settings,
                   inputs.environment.clock,
                   inputs.environment.random,
                   inputs.environment.stop,
                   inputs.environment.log,
                   progress_},
          file_({std::string(inputs.request.Get("job")), std::string(inputs.request.Get("kind"))},
                progress_, inputs.environment.clock) {}

    Result<Message> Backup();
    Result<Message> Verify();
    Result<Message> Init();
    Result<Message> Refresh();

   private:
    Result<Message> ScheduledBackup(const engine::BackupRequest& request);
    Status ReadTime(std::string_view field, int64_t& microseconds) const;
    Message BackupDone(const repo::format::ManifestHeader& header);
    Status Open();
    Status CheckClaim();
    Status WriteState(const repo::Incarnation& incarnation, const engine::Context& context);
    Status WriteState() { return WriteState(*incarnation_, context_); }
    Result<engine::BackupRequest> ReadBackupRequest();
    std::string_view Field(std::string_view name) const { return inputs_.request.Get(name); }

    const JobInputs& inputs_;
    const engine::Settings& settings_;
    const engine::RepositorySettings& repository_settings_;
    engine::Progress progress_;
    const engine::Context context_;
    std::unique_ptr<repo::Repository> repository_;
    std::optional<repo::Incarnation> incarnation_;
    JobProgress file_;
};

Status Job::Open() {
    AGRI_ASSIGN(repository_, engine::OpenRepository(repository_settings_, context_,
                                                    inputs_.config.data_directory));
    AGRI_ASSIGN(repo::Incarnation incarnation,
                repo::Incarnation::Open(*repository_, settings_.cluster, inputs_.config.identity));
    incarnation_.emplace(std::move(incarnation));
    return {};
}

// A server whose WAL another one's claim keeps out of the repository learns that at once, not after
// it copied everything; and one that lost the claim meanwhile commits nothing. Taking a claim is
// left to the archiving process, which does it alone.
Status Job::CheckClaim() {
    AGRI_ASSIGN(const auto current, repo::CurrentClaim(*incarnation_));
    if (!current) return {};
    auto claim =
        repo::EnsureClaim(*incarnation_, inputs_.config.data_directory,
                          base::TimelineId{current->timeline()}, context_.clock, context_.random);
    if (!claim) return std::move(claim).error();
    return {};
}

Status Job::WriteState(const repo::Incarnation& incarnation, const engine::Context& context) {
    AGRI_ASSIGN(nlohmann::json document,
                engine::DescribeRepository(incarnation, repository_settings_, context));
    return WriteRepositoryState(std::move(document), inputs_.config.identity.wal_segment_size);
}

Result<engine::BackupRequest> Job::ReadBackupRequest() {
    engine::BackupRequest request;
    const std::string_view kind = Field("backup_kind");
    if (!kind.empty() && kind != "full")
        return MakeError(ErrorCode::kUnsupported, "there is no backup kind \"{}\"", kind)
            .WithHint("This version takes backups of kind \"full\".");
    request.label = Field("label");
    request.requested_by = Field("requested_by");
    request.on_started = [this](const std::string& backup_id) {
        file_.SetBackup(backup_id);
        Status told = inputs_.session.Tell(Message("STARTED").Set("backup", backup_id));
        if (!told) context_.log->warn("{}", told.error().ToString());
    };
    return request;
}

Result<Message> Job::Backup() {
    AGRI_TRY(engine::CheckMayWrite("."));
    AGRI_ASSIGN(engine::BackupRequest request, ReadBackupRequest());
    AGRI_TRY(Open());
    AGRI_ASSIGN(const engine::ClusterFacts facts, inputs_.session.Facts());
    // Of a standby the primary archives the WAL, and has the claim.
    if (!facts.in_recovery) {
        AGRI_TRY(CheckClaim());
        request.before_commit = [this] { return CheckClaim(); };
    }
    if (!Field("schedule").empty()) return ScheduledBackup(request);
    AGRI_ASSIGN(auto header, engine::RunBackup(*incarnation_, inputs_.session, request, context_));
    return BackupDone(header);
}

Status Job::ReadTime(std::string_view field, int64_t& microseconds) const {
    const std::string_view text = Field(field);
    if (std::from_chars(text.data(), text.data() + text.size(), microseconds).ec == std::errc())
        return {};
    return MakeError(ErrorCode::kInternal, "JOB has no valid \"{}\"", field);
}

// The cached state is made fresh whatever came of it: the next look at what is due rests on it.
Result<Message> Job::ScheduledBackup(const engine::BackupRequest& request) {
    repo::DueRun due{std::string(Field("schedule")), 0, 0};
    AGRI_TRY(ReadTime("scheduled_time", due.scheduled_us));
    AGRI_TRY(ReadTime("schedule_clock", due.now_us));
    // A cancelled run is recorded as well, where what is cancelled can write no more.
    const base::CancelToken never;
    const engine::Context calm{context_.settings, context_.clock, context_.random, never,
                               context_.log,      progress_};
    AGRI_ASSIGN(auto repository,
                engine::OpenRepository(repository_settings_, calm, inputs_.config.data_directory));
    AGRI_ASSIGN(repo::Incarnation records,
                repo::Incarnation::Open(*repository, settings_.cluster, inputs_.config.identity));
    auto outcome = engine::RunScheduledBackup(
        *incarnation_, inputs_.session,
        {request, due, records, [this] { return inputs_.session.IsGone(); }}, context_);
    if (outcome && outcome->header) return BackupDone(*outcome->header);
    if (Status written = WriteState(records, calm); !written)
        context_.log->warn("{}", written.error().ToString());
    if (!outcome) return std::move(outcome).error();
    context_.log->info("nothing is to be run: {}", outcome->reason);
    return Message("DONE").Set("rows", "0").Set("message", outcome->reason);
}

Message Job::BackupDone(const repo::format::ManifestHeader& header) {
    progress_.SetPhase("refreshing state");
    if (Status written = WriteState(); !written)
        context_.log->warn("the backup is complete, but: {}", written.error().ToString());
    Message done("DONE");
    done.Set("backup", header.backup_id()).Set("rows", "0");
    const uint64_t failures = header.statistics().page_failures();
    if (failures > 0)
        done.Set("warning",
                 fmt::format("backup {} holds {} with wrong checksums, copied as found; the "
                             "server log names each with its relation",
                             header.backup_id(), base::Count(failures, "page")));
    return done.Set("message", fmt::format("backup {} is complete", header.backup_id()));
}

Result<Message> Job::Verify() {
    engine::VerifyRequest request;
    request.backup_id = Field("backup");
    const std::string_view level = Field("level");
    if (!level.empty() && level != "objects" && level != "contents")
        return MakeError(ErrorCode::kInvalidArgument, "there is no verify level \"{}\"", level)
            .WithHint("Use \"objects\" or \"contents\".");
    if (level == "objects") request.level = engine::VerifyLevel::kObjects;
    AGRI_TRY(Open());
    AGRI_ASSIGN(FindingsFile rows,
                FindingsFile::Create(fmt::format("{}/{}.rows.json", kJobsFolder, Field("job"))));
    AGRI_ASSIGN(auto summary,
                engine::RunVerify(
                    *incarnation_, request,
                    [&](const engine::Finding& finding) { rows.Add(finding); }, context_));
    AGRI_ASSIGN(uint64_t count, rows.Finish());
    Message done("DONE");
    done.Set("backup", request.backup_id).Set("rows", std::to_string(count));
    return done.Set("message", fmt::format("checked {}: {}", summary.Checked(), summary.Outcome()));
}

Result<Message> Job::Init() {
    AGRI_ASSIGN(auto outcome, engine::InitRepository(repository_settings_,
                                                     inputs_.config.data_directory, context_));
    AGRI_TRY(Open());
    if (Status written = WriteState(); !written)
        context_.log->warn("the repository is ready, but: {}", written.error().ToString());
    HurryArchiving();
    Message done("DONE");
    done.Set("rows", "0");
    return done.Set(
        "message",
        fmt::format("repository {} {}; cluster \"{}\" is registered", repository_settings_.uri,
                    outcome.repository_created ? "was created" : "was already there",
                    settings_.cluster));
}

Result<Message> Job::Refresh() {
    AGRI_TRY(Open());
    AGRI_TRY(WriteState());
    return Message("DONE").Set("rows", "0");
}

}  // namespace

Result<Message> RunJob(const JobInputs& inputs) {
    if (!IsValidJobName(inputs.request.Get("job")))
        return Error(ErrorCode::kInvalidArgument, "JOB has no valid \"job\"");
    if (!inputs.config.settings) return inputs.config.settings.error();
    Job job(inputs, *inputs.config.settings);
    const std::string_view kind = inputs.request.Get("kind");
    if (kind == "backup") return job.Backup();
    if (kind == "verify") return job.Verify();
    if (kind == "init") return job.Init();
    if (kind == "refresh") return job.Refresh();
    return MakeError(ErrorCode::kUnsupported, "there is no job of kind \"{}\"", kind);
}

}  // namespace agri::worker

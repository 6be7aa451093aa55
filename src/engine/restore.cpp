// The order of steps is the safety: everything that can refuse comes before the first write, the
// marker before the first change, and pg_control after everything else is durable.
#include "engine/restore.hpp"

#include <unistd.h>

#include "engine/restore_cleanup.hpp"
#include "engine/restore_finish.hpp"
#include "engine/restore_marker.hpp"
#include "engine/restore_notes.hpp"
#include "engine/restore_preflight.hpp"
#include "engine/server_check.hpp"
#include "engine/start_command.hpp"
#include "repo/claim.hpp"

namespace agri::engine {

using base::Result;
using base::Status;

namespace {

class RestoreRun {
   public:
    RestoreRun(const repo::Incarnation& incarnation, const RestoreRequest& request,
               const Context& context)
        : incarnation_(incarnation), request_(request), context_(context) {}

    Result<RestoreResult> Run() {
        context_.progress.SetPhase("planning");
        AGRI_TRY(Decide());
        if (request_.on_plan) request_.on_plan(result_.plan);
        AGRI_TRY(MakeReady());
        AGRI_TRY(RestoreAll());
        AGRI_TRY(Describe());
        context_.progress.SetPhase("done");
        return std::move(result_);
    }

    // Whether something was written that the same restore can go on with.
    bool has_begun() const { return static_cast<bool>(marker_); }

   private:
    Status Decide();
    Status CheckOriginalStopped() const;
    Result<RestorePlan> Plan() const;
    Status MakeReady();
    Status RestoreAll();
    Status Describe();
    Status WarnOfIncarnation();

    const repo::Incarnation& incarnation_;
    const RestoreRequest& request_;
    const Context& context_;

    TargetCheck target_;
    std::optional<repo::ManifestReader> manifest_;
    std::optional<RestoreLayout> layout_;
    RestoreSurvey survey_;
    base::Fd marker_;  // holds its lock
    OwnerResolver owners_;
    RestoreResult result_;
};

// An unfinished restore goes on with its own backup, even when there is a newer one by now.
Result<RestorePlan> RestoreRun::Plan() const {
    const bool goes_on = target_.state == TargetState::kResume && request_.backup_id.empty() &&
                         request_.existing == ExistingFiles::kRefuse;
    if (goes_on && !target_.interrupted_backup.empty()) {
        auto plan =
            ResolveTarget(incarnation_, request_.target, target_.interrupted_backup, context_);
        if (plan) {
            plan->reason = "an unfinished restore of it is there";
            return plan;
        }
    }
    return ResolveTarget(incarnation_, request_.target, request_.backup_id, context_);
}

// The restored original takes over the claim at its promotion. While the present holder runs on
// this very machine that is surely not meant: a copy beside it is a clone or a standby.
Status RestoreRun::CheckOriginalStopped() const {
    if (request_.role != RestoreRole::kOriginal) return {};
    AGRI_ASSIGN(const auto claim, repo::CurrentClaim(incarnation_));
    if (!claim) return {};
    return CheckWriterStopped(
        *claim,
        "It writes to this repository. Stop it to replace it, or restore beside it with --as "
        "clone or --as standby.");
}

// It starts as the server it was, which is not the cluster that the repository takes WAL from now.
Status RestoreRun::WarnOfIncarnation() {
    const auto& own = incarnation_.info();
    AGRI_ASSIGN(const auto newest,
                repo::Incarnation::OpenNewest(incarnation_.repository(), incarnation_.cluster()));
    if (newest.info().folder() == own.folder()) return {};
    std::string warning = fmt::format(
        "this is the cluster as it was before an upgrade: incarnation {}, PostgreSQL {}; in force "
        "is {}, PostgreSQL {}",
        own.number(), own.major_version(), newest.info().number(), newest.info().major_version());
    if (request_.role != RestoreRole::kClone)
        warning += "; it archives nothing unless \"agri_backup upgrade\" leads back to it";
    result_.plan.warnings.push_back(std::move(warning));
    return {};
}

Status RestoreRun::Decide() {
    AGRI_TRY(CheckRequest(request_));
    AGRI_ASSIGN(target_, CheckTargetDirectory(request_));
    AGRI_ASSIGN(result_.plan, Plan());
    AGRI_TRY(WarnOfIncarnation());
    AGRI_TRY(CheckOriginalStopped());
    const repo::format::ManifestHeader& backup = result_.plan.backup;
    AGRI_TRY(CheckSameBackup(target_, request_, backup));
    AGRI_ASSIGN(auto layout, RestoreLayout::Make(backup, request_));
    layout_.emplace(std::move(layout));
    AGRI_TRY(CheckPlaces(*layout_, target_, request_, incarnation_, backup, context_));
    AGRI_ASSIGN(auto manifest, repo::ManifestReader::Open(incarnation_, backup.backup_id()));
    manifest_.emplace(std::move(manifest));
    auto survey = SurveyBackup(*manifest_, *layout_, context_);
    if (!survey) return std::move(survey).error().In("backup " + backup.backup_id());
    survey_ = std::move(*survey);
    AGRI_TRY(CheckSpace(*layout_, survey_));
    context_.progress.files_done = 0;
    context_.progress.bytes_done = 0;
    context_.progress.files_total = survey_.files;
    context_.progress.bytes_total = survey_.bytes;
    return {};
}

Status RestoreRun::MakeReady() {
    context_.progress.SetPhase("preparing");
    AGRI_TRY(layout_->OpenFolders());
    AGRI_ASSIGN(const std::vector<std::string> folders, layout_->OutsideFolders());
    AGRI_ASSIGN(marker_, PlaceMarker(layout_->data(), result_.plan.backup.backup_id(), folders,
                                     context_.clock));
    if (target_.state == TargetState::kFresh && request_.existing == ExistingFiles::kRefuse)
        return {};
    AGRI_TRY(DisableControlFile(layout_->data()));
    AGRI_ASSIGN(CleanupResult cleanup,
                RemoveForeignFiles(*layout_, survey_.names, request_.role, incarnation_, context_));
    result_.notes = std::move(cleanup.notes);
    return {};
}

Status RestoreRun::RestoreAll() {
    context_.progress.SetPhase("restoring");
    const bool is_fresh =
        target_.state == TargetState::kFresh && request_.existing == ExistingFiles::kRefuse;
    AGRI_ASSIGN(
        const RestoredFiles files,
        RestoreFiles(*manifest_, *layout_,
                     {is_fresh ? ExistingContent::kNone : ExistingContent::kCompare, owners_},
                     context_));
    result_.files = files.files;
    result_.bytes = files.bytes;
    // Holes count as written where nothing was kept.
    result_.rewritten_bytes = is_fresh ? files.bytes : files.written_bytes;
    const FinishInput input{incarnation_, *manifest_, *layout_, survey_,
                            result_.plan, request_,   owners_,  context_};
    RestoreFinish finish(input);
    AGRI_TRY(finish.Prepare());
    return finish.Complete(files.held_back);
}

Status RestoreRun::Describe() {
    const repo::format::ManifestHeader& backup = result_.plan.backup;
    StartFacts facts;
    facts.data_directory = layout_->folders().front().path;
    facts.major_version = backup.server_version_num() / 10000;
    facts.role = request_.role;
    // PostgreSQL refuses to run as root.
    const bool has_other_owner = !survey_.owner.empty() && survey_.owner != "root";
    if (geteuid() == 0) facts.run_as = RunAsCommand(has_other_owner ? survey_.owner : "postgres");
    facts.bin_folder = FindBinFolder(facts.major_version);
    facts.configuration = survey_.configuration;
    for (const auto& root : backup.roots())
        if (root.kind() == repo::format::FileRoot::DATA)
            facts.original_data_directory = root.path();
    const StartCommand start = MakeStartCommand(facts);
    result_.start_command = start.command;
    if (layout_->has_configuration())
        result_.configuration_folder = fmt::format("{}/{}", facts.data_directory, kConfigFolder);
    for (auto& notes : {result_.plan.warnings,
                        MakeRestoreNotes({*manifest_, *layout_, request_, owners_, facts.bin_folder,
                                          context_.settings}),
                        start.notes})
        result_.notes.insert(result_.notes.end(), notes.begin(), notes.end());
    return {};
}

}  // namespace

Result<RestoreResult> RunRestore(const repo::Incarnation& incarnation,
                                 const RestoreRequest& request, const Context& context) {
    RestoreRun run(incarnation, request, context);
    Result<RestoreResult> result = run.Run();
    if (!result && result.error().code == base::ErrorCode::kCancelled && run.has_begun())
        return std::move(result).error().WithHint(
            "What was restored so far is kept: the same command, given again, goes on with it.");
    return result;
}

}  // namespace agri::engine

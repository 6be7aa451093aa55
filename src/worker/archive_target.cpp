// Opening, claiming and pushing. What is wrong with one file (other content there, not a WAL file,
// a damaged object) is told apart from what would be wrong with the next file too.
#include "worker/archive_target.hpp"

#include "base/file.hpp"
#include "engine/control_file.hpp"
#include "engine/report.hpp"
#include "engine/server_push.hpp"
#include "repo/claim.hpp"
#include "wal/history_file.hpp"

namespace agri::worker {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

// How long a claim is believed to be in force: an operator may have let another server write.
constexpr std::chrono::seconds kClaimTrusted(15);
// How long a standby waits for its primary to archive a file before it says so.
constexpr std::chrono::seconds kPrimaryArchives(60);
constexpr std::chrono::milliseconds kLookAgain(500);
constexpr const char* kInitHint =
    "If this is the right repository, run SELECT agri_init() once; if it was in use before, check "
    "that its storage is mounted.";

FailureScope ScopeOf(ErrorCode code) {
    switch (code) {
        case ErrorCode::kConflict:
        case ErrorCode::kInvalidArgument:
        case ErrorCode::kNotFound:
        case ErrorCode::kCorrupt:
        case ErrorCode::kUnsupported:
        case ErrorCode::kInternal:
            return FailureScope::kFile;
        default:
            return FailureScope::kStorage;
    }
}

Error Explained(Error error) {
    if (error.code == ErrorCode::kNotInitialized || error.code == ErrorCode::kNotFound)
        error.hint = kInitHint;
    return error;
}

}  // namespace

struct ArchiveTarget::Opened {
    std::unique_ptr<repo::Repository> repository;
    std::optional<repo::Incarnation> incarnation;
    std::shared_ptr<engine::WalPusher> pusher;  // none until the claim is in force
    uint64_t epoch = 0;
    base::TimelineId timeline;  // for which the claim was last made sure of
    base::MonotonicTime claimed_at;
    std::atomic<uint32_t> history_archived{0};  // newest timeline whose history is there
};

ArchiveTarget::ArchiveTarget(const ServerConfig& config, const Environment& environment)
    : environment_(environment),
      settings_(*config.settings),
      data_directory_(config.data_directory),
      identity_(config.identity),
      context_{settings_,         environment_.clock, environment_.random,
               environment_.stop, environment_.log,   progress_} {}

Result<ArchiveTarget::OpenedPtr> ArchiveTarget::OpenUnlocked() {
    if (opened_) return opened_;
    auto opened = std::make_shared<Opened>();
    AGRI_ASSIGN(opened->repository,
                engine::OpenRepository(settings_.repositories.at(0), context_, data_directory_));
    NoteRepository(*opened->repository);
    AGRI_ASSIGN(repo::Incarnation incarnation,
                repo::Incarnation::Open(*opened->repository, settings_.cluster, identity_));
    opened->incarnation.emplace(std::move(incarnation));
    key_slots_ = opened->repository->key_slot_count();
    opened_ = opened;
    return opened;
}

void ArchiveTarget::NoteRepository(const repo::Repository& repository) {
    if (repository_id_ && *repository_id_ != repository.repository_id()) {
        ++generation_;
        environment_.log->warn(
            "{} holds a new repository: nothing that was archived before is in it, and it restores "
            "nothing before it has a backup",
            repository.storage().Describe());
    }
    repository_id_ = repository.repository_id();
}

// What was opened earlier is of use only while the same repository stands there: with the keys of
// one that is gone, nothing may be written into its successor.
Result<ArchiveTarget::OpenedPtr> ArchiveTarget::Open() {
    std::unique_lock lock(mutex_);
    if (const OpenedPtr earlier = opened_) {
        lock.unlock();
        base::Status same = earlier->repository->CheckSame();
        if (same) return earlier;
        Drop(earlier);
        if (same.error().code != ErrorCode::kConflict) return Explained(std::move(same).error());
        lock.lock();
    }
    Result<OpenedPtr> opened = OpenUnlocked();
    if (!opened) return Explained(std::move(opened).error());
    return opened;
}

Result<std::shared_ptr<engine::WalPusher>> ArchiveTarget::Claim(Opened& opened,
                                                                base::TimelineId timeline) {
    std::lock_guard lock(mutex_);
    const auto now = environment_.clock.Monotonic();
    if (opened.pusher && timeline <= opened.timeline && now - opened.claimed_at < kClaimTrusted)
        return opened.pusher;
    AGRI_ASSIGN(auto claim, repo::EnsureClaim(*opened.incarnation, data_directory_,
                                              std::max(timeline, opened.timeline),
                                              environment_.clock, environment_.random));
    if (!opened.pusher || claim.epoch() != opened.epoch)
        opened.pusher = std::make_shared<engine::WalPusher>(*opened.incarnation, claim.epoch());
    opened.epoch = claim.epoch();
    opened.timeline = std::max(timeline, opened.timeline);
    opened.claimed_at = now;
    return opened.pusher;
}

void ArchiveTarget::Drop(const OpenedPtr& opened) {
    std::lock_guard lock(mutex_);
    if (opened_ == opened) opened_.reset();
}

// What failed for the storage's sake is tried again with the repository opened anew.
ArchiveFailure ArchiveTarget::Failed(const OpenedPtr& opened, Error error) {
    const FailureScope scope = ScopeOf(error.code);
    if (scope == FailureScope::kStorage) Drop(opened);
    return {std::move(error), scope};
}

// Before anything is acknowledged: what was written is worth nothing if the repository it was
// written for is gone.
std::optional<ArchiveFailure> ArchiveTarget::ConfirmSame(const OpenedPtr& opened) {
    base::Status same = opened->repository->CheckSame();
    if (same) return std::nullopt;
    Drop(opened);
    return ArchiveFailure{Explained(std::move(same).error()), FailureScope::kStorage};
}

bool ArchiveTarget::IsInRecovery() const {
    auto image = engine::ReadControlImage(data_directory_, context_.cancel);
    return image && engine::IsInRecovery(image->control);
}

// archive_mode = always: what a standby has is its primary's to write. It keeps each file until the
// archive has the same one, and writes what is still missing after a promotion.
std::optional<ArchiveFailure> ArchiveTarget::Await(const std::string& name,
                                                   const std::string& path) {
    auto content = base::ReadWholeFile(path, wal::kMaxHistoryBytes + segment_size());
    if (!content) return ArchiveFailure{std::move(content).error(), FailureScope::kFile};
    auto opened = Open();
    if (!opened) return ArchiveFailure{std::move(opened).error(), FailureScope::kStorage};
    auto there =
        engine::ConfirmArchived(*(*opened)->incarnation, name, *content, environment_.clock);
    if (there) return ConfirmSame(*opened);
    if (there.error().code == ErrorCode::kBusy)
        return ArchiveFailure{std::move(there).error(), FailureScope::kFile};
    return Failed(*opened, std::move(there).error());
}

base::Status ArchiveTarget::PushHistory(Opened& opened, engine::WalPusher& pusher,
                                        base::TimelineId timeline) {
    if (timeline.value <= opened.history_archived.load()) return {};
    AGRI_TRY(engine::PushHistory(pusher, ".", timeline, context_));
    opened.history_archived = timeline.value;
    return {};
}

std::optional<ArchiveFailure> ArchiveTarget::Push(const base::WalFileName& file,
                                                  const std::string& path) {
    const auto deadline = environment_.clock.Monotonic() + kPrimaryArchives;
    while (IsInRecovery()) {
        auto failure = Await(file.name, path);
        if (!failure || failure->error.code != ErrorCode::kBusy ||
            environment_.clock.Monotonic() >= deadline)
            return failure;
        if (!environment_.stop.WaitFor(kLookAgain)) return failure;
    }
    uint32_t newest = newest_timeline_.load();
    while (file.timeline.value > newest &&
           !newest_timeline_.compare_exchange_weak(newest, file.timeline.value)) {
    }
    auto opened = Open();
    if (!opened) return ArchiveFailure{std::move(opened).error(), FailureScope::kStorage};
    auto pusher = Claim(**opened, file.timeline);
    if (!pusher) {
        Drop(*opened);
        return ArchiveFailure{std::move(pusher).error(), FailureScope::kStorage};
    }
    base::Status pushed = PushHistory(**opened, **pusher, file.timeline);
    if (pushed) {
        auto result = (*pusher)->Push(path, context_);
        if (result) return ConfirmSame(*opened);
        pushed = std::move(result).error();
    }
    return Failed(*opened, std::move(pushed).error());
}

std::optional<Error> ArchiveTarget::SaveUnfinished() {
    auto image = engine::ReadControlImage(data_directory_, context_.cancel);
    if (!image) return std::move(image).error();
    const wal::ControlFile& control = image->control;
    if (control.state != wal::ClusterState::kShutDown) return std::nullopt;
    auto opened = Open();
    if (!opened) return std::move(opened).error();
    auto pusher = Claim(**opened, control.timeline);
    if (!pusher) return std::move(pusher).error();
    const auto segment = base::SegmentId::Of(control.timeline, control.checkpoint, segment_size());
    const std::string name = segment.FileName(segment_size());
    auto saved = (*pusher)->PushUnfinished("pg_wal/" + name, true, context_);
    if (!saved) return std::move(saved).error();
    if (auto failure = ConfirmSame(*opened)) return std::move(failure->error);
    environment_.log->info("saved unfinished WAL segment {} up to {}", name, saved->end.ToString());
    return std::nullopt;
}

std::optional<ArchiveFailure> ArchiveTarget::Probe() {
    auto opened = Open();
    if (!opened) return ArchiveFailure{std::move(opened).error(), FailureScope::kStorage};
    const base::TimelineId timeline{newest_timeline_.load()};
    // On a standby nothing is to be written, and the claim is the primary's.
    if (timeline.value == 0) return std::nullopt;
    auto pusher = Claim(**opened, timeline);
    if (pusher) return std::nullopt;
    Drop(*opened);
    return ArchiveFailure{std::move(pusher).error(), FailureScope::kStorage};
}

Result<nlohmann::json> ArchiveTarget::Describe() {
    AGRI_ASSIGN(OpenedPtr opened, Open());
    auto document =
        engine::DescribeRepository(*opened->incarnation, settings_.repositories.at(0), context_);
    if (!document) return Failed(opened, std::move(document).error()).error;
    return document;
}

}  // namespace agri::worker

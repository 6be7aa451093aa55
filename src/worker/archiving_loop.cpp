// The loop itself: what it waits for, what it looks at from time to time, and how it ends.
#include "worker/archiving_loop.hpp"

#include <poll.h>

#include "engine/server_role.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using base::MonotonicTime;
using base::Result;

namespace {

constexpr size_t kReadyLimit = 1024;  // names looked at ahead
constexpr std::chrono::milliseconds kShortestLookPause(20);
constexpr std::chrono::seconds kJobCleanInterval(60);
constexpr std::chrono::seconds kAbortGrace(5);
// A segment in work: its content, what it is compressed into, and what the scan holds.
constexpr uint64_t kBuffersPerSegment = 3;

size_t Parallel(const engine::Settings& settings, uint64_t segment_size) {
    const uint64_t fitting = settings.memory_limit_bytes / (segment_size * kBuffersPerSegment);
    return std::max<uint64_t>(1, std::min<uint64_t>(settings.EffectiveParallel(), fitting));
}

}  // namespace

ArchivingLoop::ArchivingLoop(ServerConfig config, const Environment& environment,
                             ArchivingOptions options, Inputs inputs)
    : environment_(environment),
      options_(options),
      inputs_(inputs),
      config_(std::move(config)),
      server_(environment.log),
      waiting_(options.working_interval),
      queue_({.backoff = options.backoff}, environment.random),
      status_(environment, config_.identity.wal_segment_size, options.status),
      ready_watch_(kReadyFolder),
      report_(environment, pool_, mailbox_, options.report_pause,
              [this](const base::Status& status) {
                  waiting_.Answer(
                      kRefresh, status ? Message("DONE") : FailedMessage(status.error()), server_);
              }),
      pool_(environment.log) {}

void ArchivingLoop::Configure(ServerConfig config) {
    config_ = std::move(config);
    environment_.log->set_level(config_.LogLevel());
    queue_.StartOver(environment_.clock.Monotonic());
    was_open_ = false;
    target_.reset();
    generation_ = 0;
    if (!config_.settings) {
        status_.Failed("", config_.settings.error());
        LogFailure("", config_.settings.error());
        return;
    }
    const engine::Settings& settings = *config_.settings;
    const size_t parallel = Parallel(settings, config_.identity.wal_segment_size);
    queue_.SetParallel(parallel);
    target_ = std::make_shared<ArchiveTarget>(config_, environment_);
    report_.NoteChange();
    environment_.log->info("archiving cluster \"{}\" to {}: {} at once, compression level {}",
                           settings.cluster, settings.repositories.at(0).uri, parallel,
                           settings.compression_level);
    if (auto probe = queue_.TakeProbe()) Submit(*probe);
}

Result<bool> ArchivingLoop::Run() {
    AGRI_TRY(server_.Listen(kSocketPath));
    AGRI_ASSIGN(is_clone_, engine::IsClone("."));
    Configure(std::move(config_));
    // The archiver may have asked before there was a socket, and sleeps now.
    Tell(Message("WAKE"));
    while (!IsDone()) {
        const MonotonicTime now = environment_.clock.Monotonic();
        if (phase_ == Phase::kLeaving && now >= leave_deadline_) {
            environment_.log->warn("giving up work in flight");
            inputs_.abort.Cancel();
            if (now >= leave_deadline_ + kAbortGrace) return false;
        }
        Look();
        BeginWork();
        report_.StartIfDue(phase_ == Phase::kRunning ? target_ : nullptr);
        UpdateState();
        if (!server_gone_) status_.WriteIfDue();  // who hears that a file is archived sees it too
        AnswerWaiting();
        waiting_.SaySigns(now, server_);
        PollOnce();
    }
    if (!server_gone_) status_.Write();
    environment_.log->info("archiving process ends");
    return true;
}

void ArchivingLoop::Look() {
    const MonotonicTime now = environment_.clock.Monotonic();
    if (now >= next_look_) {
        next_look_ = now + options_.look_interval;
        ready_changed_ = true;
        if (auto is_clone = engine::IsClone("."))
            is_clone_ = *is_clone;
        else
            environment_.log->warn("{}", is_clone.error().ToString());
        if (phase_ == Phase::kRunning && inputs_.postmaster.IsGone()) LeaveServerGone();
    }
    if (now >= next_job_clean_ && phase_ == Phase::kRunning) {
        next_job_clean_ = now + kJobCleanInterval;
        RemoveDeadJobs();
    }
    // A long list takes long to read: never more than a tenth of the time.
    if (ready_changed_ && now >= ready_looked_ + ready_look_took_ * 10 + kShortestLookPause)
        LookAtReady();
}

void ArchivingLoop::LookAtReady() {
    ready_changed_ = false;
    const MonotonicTime start = environment_.clock.Monotonic();
    auto ready = ReadReadyFolder(kReadyFolder, config_.identity.wal_segment_size, kReadyLimit);
    ready_looked_ = environment_.clock.Monotonic();
    ready_look_took_ = ready_looked_ - start;
    if (!ready) {
        environment_.log->debug("{}", ready.error().ToString());
        return;
    }
    // Not before the server's archiver asked for something: its WAL may be meant for elsewhere.
    if (archiver_seen_) queue_.SetReady(ready->first, ready->complete);
    status_.SetReady(*ready, queue_.durable_ready());
}

void ArchivingLoop::UpdateState() {
    const auto refusal = Refusal();
    const base::Error* failure = refusal ? &*refusal : queue_.CurrentFailure();
    const bool failing = failure != nullptr && !is_clone_;
    if (was_failing_ && !failing && was_open_) {
        was_failing_ = false;
        environment_.log->info("archiving works again");
        logged_failure_.clear();
        report_.NoteChange();
        Tell(Message("WAKE"));
    }
    if (failing) was_failing_ = true;
    ArchivingState state = was_open_ ? ArchivingState::kOk : ArchivingState::kStarting;
    if (failing) state = ArchivingState::kFailing;
    if (is_clone_) state = ArchivingState::kClone;
    status_.SetState(state, failing ? failure : nullptr);
    if (target_)
        status_.SetRepository(target_->settings().repositories.at(0).name, target_->key_slots());
}

void ArchivingLoop::Leave(std::string_view reason) {
    if (phase_ == Phase::kLeaving) return;
    environment_.log->info("finishing work in flight: {}", reason);
    phase_ = Phase::kLeaving;
    leave_deadline_ = environment_.clock.Monotonic() + options_.grace;
    server_.StopListening();
}

void ArchivingLoop::LeaveServerGone() {
    server_gone_ = true;
    Leave("the server is gone");
}

bool ArchivingLoop::IsDone() const {
    return phase_ == Phase::kLeaving && queue_.in_work() == 0 && !is_saving_unfinished_ &&
           !report_.is_running() && waiting_.empty();
}

int ArchivingLoop::PollTimeoutMs() const {
    const MonotonicTime now = environment_.clock.Monotonic();
    MonotonicTime next = std::min(next_look_, waiting_.NextSign());
    if (!server_gone_) next = std::min(next, status_.NextWrite());
    if (ready_changed_)
        next = std::min(next, ready_looked_ + ready_look_took_ * 10 + kShortestLookPause);
    if (phase_ == Phase::kRunning) {
        if (target_) next = std::min(next, report_.NextStart());
        if (target_ && !is_clone_)
            next = std::min(next, queue_.NextDue(work_begun_).value_or(next));
    } else {
        next = std::min(next, now < leave_deadline_ ? leave_deadline_ : now + kAbortGrace);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now);
    return static_cast<int>(std::clamp<int64_t>(wait.count(), 0, 60000));
}

void ArchivingLoop::PollOnce() {
    const bool running = phase_ == Phase::kRunning;
    const short control_events = inputs_.control.HasOutput() ? POLLIN | POLLOUT : POLLIN;
    std::vector<pollfd> polled{{mailbox_.fd(), POLLIN, 0},
                               {ready_watch_.fd(), POLLIN, 0},
                               {supervisor_gone_ ? -1 : inputs_.control.fd(), control_events, 0},
                               {running ? inputs_.postmaster.fd() : -1, POLLIN, 0},
                               {running ? inputs_.signal.fd() : -1, POLLIN, 0}};
    const size_t fixed = polled.size();
    server_.AddTo(polled);
    if (poll(polled.data(), polled.size(), PollTimeoutMs()) <= 0) return;
    if (polled[0].revents) mailbox_.RunAll();
    if (polled[1].revents) {
        ready_watch_.Drain();
        ready_changed_ = true;
    }
    if (polled[3].revents) LeaveServerGone();
    if (polled[4].revents) Leave("received SIGTERM");
    // Letters may have answered clients and so dropped some: only then poll's list is outdated.
    std::vector<pollfd> clients;
    server_.AddTo(clients);
    if (clients.size() == polled.size() - fixed)
        for (const ClientRequest& request :
             server_.Serve(polled.data() + fixed, polled.data() + polled.size()))
            Handle(request);
    if (polled[2].revents) HandleControl();
}

}  // namespace agri::worker

// What comes in over the sockets and what the work's outcomes mean for who waits.
#include <sys/stat.h>

#include "worker/archiving_loop.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using base::Error;
using base::ErrorCode;
using base::WalFileName;

namespace {

constexpr std::chrono::minutes kLogFailureAgain(5);

std::string WalPath(const std::string& name) { return "pg_wal/" + name; }

std::optional<FileStamp> StampOf(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    return FileStamp{info.st_ino, static_cast<uint64_t>(info.st_size),
                     info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec};
}

Error CloneError() {
    return Error(ErrorCode::kClusterState,
                 "this server was restored as a clone: it does not archive")
        .WithDetail("A clone must not write into the archive of the server it was made from.")
        .WithHint(
            "Set archive_mode to off; to make this server the one that writes, run \"agri_backup "
            "adopt\".");
}

}  // namespace

void ArchivingLoop::BeginWork() {
    if (phase_ != Phase::kRunning || !target_ || is_clone_) return;
    work_begun_ = environment_.clock.Monotonic();
    while (auto work = queue_.Take(work_begun_)) Submit(*work);
}

void ArchivingLoop::Submit(const ArchiveWork& work) {
    auto stamp = work.IsProbe() ? std::nullopt : StampOf(WalPath(work.name));
    auto outcome = std::make_shared<Outcome>(
        Outcome{work, stamp.value_or(FileStamp{}), target_, target_->generation(), std::nullopt});
    pool_.Run([this, outcome] {
        Do(*outcome, *environment_.log);
        mailbox_.Post([this, outcome] { FinishWork(std::move(*outcome)); });
    });
}

void ArchivingLoop::Do(Outcome& outcome, base::Logger& log) {
    try {
        if (outcome.work.IsProbe()) {
            outcome.failure = outcome.target->Probe();
            return;
        }
        auto file = WalFileName::Parse(outcome.work.name);
        outcome.failure = outcome.target->Push(*file, WalPath(outcome.work.name));
    } catch (const std::bad_alloc&) {
        ExitOutOfMemory(log);
    } catch (const std::exception& error) {
        outcome.failure =
            ArchiveFailure{Error(ErrorCode::kInternal, error.what()), FailureScope::kFile};
    }
}

// Nothing is known to be durable in a repository that was made in another's place.
void ArchivingLoop::NoticeNewRepository() {
    if (!target_ || target_->generation() == generation_) return;
    generation_ = target_->generation();
    queue_.StartOver(environment_.clock.Monotonic());
    report_.NoteChange();
}

void ArchivingLoop::FinishWork(Outcome outcome) {
    const std::string& name = outcome.work.name;
    NoticeNewRepository();
    if (outcome.target != target_ || outcome.generation != generation_) {
        queue_.FinishVoid(outcome.work);
        if (!outcome.work.IsProbe() || !target_) return;
        if (auto probe = queue_.TakeProbe()) Submit(*probe);
        return;
    }
    const bool storage_failed = outcome.failure && outcome.failure->scope == FailureScope::kStorage;
    if (!storage_failed) was_open_ = true;
    if (outcome.failure) {
        status_.Failed(name, outcome.failure->error);
        LogFailure(name, outcome.failure->error);
        queue_.FinishFailed(outcome.work, std::move(*outcome.failure),
                            environment_.clock.Monotonic());
        return;
    }
    queue_.FinishDurable(outcome.work, outcome.stamp);
    ready_changed_ = true;
    if (outcome.work.IsProbe()) return;
    environment_.log->debug("archived {}", name);
    status_.Archived(name);
    report_.NoteChange();
}

void ArchivingLoop::LogFailure(const std::string& name, const Error& error) {
    const auto now = environment_.clock.Monotonic();
    const std::string line = name.empty()
                                 ? error.ToString()
                                 : fmt::format("could not archive {}: {}", name, error.ToString());
    if (line == logged_failure_ && now < failure_logged_ + kLogFailureAgain) return;
    logged_failure_ = line;
    failure_logged_ = now;
    environment_.log->error("{}", line);
}

std::optional<Error> ArchivingLoop::Refusal() const {
    if (is_clone_) return CloneError();
    if (!target_) return config_.settings.error();
    return std::nullopt;
}

void ArchivingLoop::Handle(const ClientRequest& request) {
    const std::string& verb = request.message.verb;
    if (verb == "ARCHIVE") return HandleArchive(request);
    if (verb == "STOPPED") return HandleStopped(request);
    if (verb == "QUIT") {
        server_.Reply(request.client, Message("BYE"));
        return Leave("a newer archiving process takes over");
    }
    if (verb == "REFRESH" && target_ && phase_ == Phase::kRunning) {
        if (!waiting_.Add(request.client, kRefresh, environment_.clock.Monotonic())) return;
        queue_.Hurry(environment_.clock.Monotonic());
        return report_.Request();
    }
    const auto refusal = verb == "REFRESH" ? Refusal() : std::nullopt;
    server_.Reply(
        request.client,
        FailedMessage(refusal.value_or(base::MakeError(
            ErrorCode::kUnsupported, "the archiving process cannot do \"{}\" now", verb))));
}

void ArchivingLoop::HandleArchive(const ClientRequest& request) {
    const auto file = WalFileName::Parse(request.message.Get("file"));
    auto refuse = [&](const Error& error) { server_.Reply(request.client, FailedMessage(error)); };
    if (!file || request.message.Get("path") != WalPath(file->name))
        return refuse(base::MakeError(ErrorCode::kInvalidArgument,
                                      "\"{}\" is not a WAL file of this server",
                                      request.message.Get("path")));
    if (phase_ != Phase::kRunning)
        return refuse(Error(ErrorCode::kUnavailable, "the archiving process is ending"));
    archiver_seen_ = true;
    if (auto refusal = Refusal()) return refuse(*refusal);
    const auto stamp = StampOf(WalPath(file->name));
    if (!stamp)
        return refuse(
            base::MakeError(ErrorCode::kNotFound, "there is no file \"{}\"", WalPath(file->name)));
    if (!waiting_.Add(request.client, file->name, environment_.clock.Monotonic()))
        return refuse(Error(ErrorCode::kBusy, "too many requests at once"));
    queue_.Request(file->name, *stamp);
    ready_changed_ = true;
}

void ArchivingLoop::HandleStopped(const ClientRequest& request) {
    auto refuse = [&](const Error& error) { server_.Reply(request.client, FailedMessage(error)); };
    // Nothing is missed of what is not archived at all: a clone's WAL is nobody's.
    if (is_clone_) return server_.Reply(request.client, Message("DURABLE"));
    if (auto refusal = Refusal()) return refuse(*refusal);
    if (phase_ != Phase::kRunning)
        return refuse(Error(ErrorCode::kUnavailable, "the archiving process is ending"));
    if (is_saving_unfinished_ ||
        !waiting_.Add(request.client, kStopped, environment_.clock.Monotonic()))
        return refuse(Error(ErrorCode::kBusy, "too many requests at once"));
    is_saving_unfinished_ = true;
    pool_.Run([this, target = target_] {
        std::optional<Error> failure;
        try {
            failure = target->SaveUnfinished();
        } catch (const std::bad_alloc&) {
            ExitOutOfMemory(*environment_.log);
        } catch (const std::exception& error) {
            failure = Error(ErrorCode::kInternal, error.what());
        }
        mailbox_.Post([this, failure] {
            is_saving_unfinished_ = false;
            waiting_.Answer(kStopped, failure ? FailedMessage(*failure) : Message("DURABLE"),
                            server_);
        });
    });
}

void ArchivingLoop::AnswerWaiting() {
    NoticeNewRepository();
    const auto refusal = Refusal();
    const auto now = environment_.clock.Monotonic();
    for (const std::string& name : waiting_.Names(server_)) {
        if (name == kStopped) continue;
        std::optional<Message> answer;
        const Error* failure = refusal ? &*refusal : queue_.FailureOf(name, now);
        const bool ends = phase_ == Phase::kLeaving && !queue_.IsInWork(name);
        const Error ending(ErrorCode::kUnavailable, "the archiving process is ending");
        if (name == kRefresh) {
            if (phase_ == Phase::kLeaving && !report_.is_running()) answer = FailedMessage(ending);
        } else if (!refusal && queue_.IsDurable(name)) {
            answer = Message("DURABLE");
        } else if (failure || ends) {
            answer = FailedMessage(failure ? *failure : ending);
        }
        if (!answer) continue;
        waiting_.Answer(name, *answer, server_);
    }
    queue_.KeepRequested(waiting_.Names(server_));
}

void ArchivingLoop::Tell(const Message& message) {
    if (supervisor_gone_) return;
    if (auto sent = inputs_.control.Send(message); !sent) supervisor_gone_ = true;
}

void ArchivingLoop::HandleControl() {
    bool open = inputs_.control.Flush().has_value() && inputs_.control.Receive().has_value();
    while (true) {
        auto message = inputs_.control.Next();
        if (!message) environment_.log->error("supervisor: {}", message.error().message);
        if (!message) open = false;
        if (!message || !*message) break;
        if ((*message)->verb != "CONFIG") continue;
        auto config = ServerConfig::Parse(**message);
        if (!config || config->data_directory != config_.data_directory)
            environment_.log->error("ignored a configuration that is not for this server");
        else if (config->fields == config_.fields)
            queue_.Hurry(environment_.clock.Monotonic());
        else
            Configure(std::move(*config));
    }
    if (!open) supervisor_gone_ = true;
}

}  // namespace agri::worker

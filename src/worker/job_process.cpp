// A job process: reads what to do, watches whether anybody still wants it, does it, says how it
// ended.
#include "worker/job_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <thread>

#include "worker/job.hpp"
#include "worker/job_run.hpp"
#include "worker/process_setup.hpp"
#include "worker/runtime_folder.hpp"
#include "worker/work_pool.hpp"

namespace agri::worker {

using base::ErrorCode;
using base::Result;

namespace {

constexpr std::chrono::seconds kRequestTime(60);

// Cancels the job when its session worker is gone. Looks only at the socket's state: what arrives
// is read by whoever asked.
class HangUpWatch {
   public:
    HangUpWatch(int control_fd, base::CancelToken& cancel)
        : thread_([this, control_fd, &cancel] {
              std::array<pollfd, 2> polled{{{control_fd, POLLRDHUP, 0}, {over_.fd(), POLLIN, 0}}};
              while (poll(polled.data(), polled.size(), -1) < 0) continue;
              if (polled[0].revents) cancel.Cancel();
          }) {}
    ~HangUpWatch() {
        over_.Cancel();
        thread_.join();
    }

   private:
    base::CancelToken over_;
    std::thread thread_;
};

Result<Message> AwaitVerb(MessageChannel& control, std::string_view verb,
                          const base::CancelToken& cancel) {
    AGRI_ASSIGN(Message message, AwaitMessage(control, cancel, kRequestTime));
    if (message.verb != verb)
        return base::MakeError(ErrorCode::kInvalidArgument, "expected {}, received \"{}\"", verb,
                               message.verb);
    return message;
}

Result<Message> ServeRequest(MessageChannel& control, SessionPort& session,
                             base::CancelToken& cancel, const Environment& environment) {
    AGRI_ASSIGN(Message config_message, AwaitVerb(control, "CONFIG", cancel));
    AGRI_ASSIGN(ServerConfig config, ServerConfig::Parse(config_message));
    environment.log->set_level(config.LogLevel());
    AGRI_TRY(EnterDataDirectory(config.data_directory));
    AGRI_TRY(session.Tell(HelloMessage()));
    AGRI_ASSIGN(Message request, AwaitVerb(control, "JOB", cancel));
    const HangUpWatch watch(control.fd(), cancel);
    return RunJob({config, request, session, environment});
}

}  // namespace

int RunJobOver(base::Fd control, base::CancelToken& cancel, const base::Clock& clock,
               const base::LoggerPtr& log) {
    try {
        MessageChannel channel(std::move(control), {});
        SessionPort session(channel, cancel);
        const Environment environment{clock, base::SystemRandom(), log, cancel};
        auto done = ServeRequest(channel, session, cancel, environment);
        // Whatever a cancelled job met, it ended because it was told to.
        const auto level = cancel.IsCancelled() ? spdlog::level::info : spdlog::level::err;
        if (!done) log->log(level, "{}", done.error().ToString());
        const auto told = session.Tell(done ? *done : FailedMessage(done.error()));
        if (!told) log->warn("{}", told.error().ToString());
        return done ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::bad_alloc&) {
        ExitOutOfMemory(*log);
    } catch (const std::exception& error) {
        log->critical("job process: {}", error.what());
    }
    return EXIT_FAILURE;
}

int RunJobProcess(int control_fd) {
    base::CancelToken& cancel = PrepareProcess();
    fcntl(control_fd, F_SETFD, FD_CLOEXEC);
    auto log = base::StderrLogger("agri_backup job", spdlog::level::info);
    return RunJobOver(base::Fd(control_fd), cancel, base::SystemClock(), log);
}

}  // namespace agri::worker

// From CONFIG over the instance lock to the main loop.
#include "worker/archiving_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/version.hpp"
#include "worker/archiving_run.hpp"
#include "worker/instance_lock.hpp"
#include "worker/process_setup.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using base::ErrorCode;

namespace {

constexpr std::chrono::seconds kConfigTime(60);

base::Result<ServerConfig> AwaitConfig(MessageChannel& control, const base::CancelToken& signal) {
    AGRI_ASSIGN(Message message, AwaitMessage(control, signal, kConfigTime));
    if (message.verb != "CONFIG")
        return base::MakeError(ErrorCode::kInvalidArgument, "expected CONFIG, received \"{}\"",
                               message.verb);
    AGRI_ASSIGN(ServerConfig config, ServerConfig::Parse(message));
    AGRI_TRY(EnterDataDirectory(config.data_directory));
    AGRI_TRY(control.Send(HelloMessage()));
    return config;
}

base::Result<bool> Archive(MessageChannel& control, const base::CancelToken& signal,
                           const Environment& environment, base::CancelToken& abort,
                           const ArchivingOptions& options) {
    AGRI_ASSIGN(ServerConfig config, AwaitConfig(control, signal));
    const PostmasterWatch postmaster(config.postmaster_pid);
    AGRI_ASSIGN(InstanceLock lock,
                InstanceLock::Acquire({postmaster, signal, control.fd()}, *environment.log));
    environment.log->info("archiving process of version {} starts", base::kVersion);
    ArchivingLoop loop(std::move(config), environment, options,
                       {control, postmaster, signal, abort});
    AGRI_ASSIGN(bool ended, loop.Run());
    // The loop's threads never end when storage hangs for good: nobody waits for them.
    if (!ended) _exit(EXIT_FAILURE);
    return ended;
}

}  // namespace

int RunArchiving(base::Fd control, const base::CancelToken& signal, const base::Clock& clock,
                 const base::LoggerPtr& log, const ArchivingOptions& options) {
    try {
        base::CancelToken abort;
        MessageChannel channel(std::move(control), {});
        const Environment environment{clock, base::SystemRandom(), log, abort};
        auto ended = Archive(channel, signal, environment, abort, options);
        if (ended) return EXIT_SUCCESS;
        if (ended.error().code == ErrorCode::kCancelled) return EXIT_SUCCESS;
        log->error("archiving process: {}", ended.error().ToString());
    } catch (const std::bad_alloc&) {
        ExitOutOfMemory(*log);
    } catch (const std::exception& error) {
        log->critical("archiving process: {}", error.what());
    }
    return EXIT_FAILURE;
}

int RunArchivingProcess(int control_fd) {
    const base::CancelToken& signal = PrepareProcess();
    fcntl(control_fd, F_SETFD, FD_CLOEXEC);
    auto log = base::StderrLogger("agri_backup archiving", spdlog::level::info);
    const int status =
        RunArchiving(base::Fd(control_fd), signal, base::SystemClock(), log, ArchivingOptions());
    log->flush();
    _exit(status);
}

}  // namespace agri::worker

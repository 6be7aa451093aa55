// Opening settings, repository and cluster for a command, interrupts, and how errors are shown.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"

namespace agri::cli {

using base::Result;

Result<engine::SettingsBuilder> CollectSettings(const CommonOptions& options) {
    engine::SettingsBuilder builder;
    std::string file = options.config_file;
    if (file.empty())
        if (const char* named = std::getenv("AGRI_BACKUP_CONFIG")) file = named;
    if (!file.empty()) AGRI_TRY(builder.LoadFile(file));
    AGRI_TRY(builder.LoadEnvironment());
    for (const auto& [name, value] : options.settings)
        AGRI_TRY(builder.Set(name, value, "command line"));
    return builder;
}

Result<std::unique_ptr<Session>> Session::Open(const CommonOptions& options,
                                               const std::string& data_directory) {
    AGRI_ASSIGN(engine::SettingsBuilder builder, CollectSettings(options));
    AGRI_ASSIGN(engine::Settings settings, builder.Build());
    std::unique_ptr<Session> session(new Session());
    session->settings_ = std::move(settings);
    session->data_directory_ = data_directory;
    auto log =
        base::StderrLogger("agri_backup", spdlog::level::from_str(session->settings_.log_level));
    session->context_.reset(new engine::Context{session->settings_, base::SystemClock(),
                                                base::SystemRandom(), InterruptToken(),
                                                std::move(log), session->progress_});
    return session;
}

Result<repo::Repository*> Session::OpenRepository() {
    if (!repository_) {
        AGRI_ASSIGN(repository_,
                    engine::OpenRepository(repository_settings(), context(), data_directory_));
    }
    return repository_.get();
}

Result<repo::Incarnation*> Session::OpenIncarnation(std::optional<uint32_t> number) {
    AGRI_ASSIGN(repo::Repository * repository, OpenRepository());
    AGRI_ASSIGN(repo::Incarnation incarnation,
                repo::Incarnation::OpenNewest(*repository, settings_.cluster, number));
    incarnation_.emplace(std::move(incarnation));
    return &*incarnation_;
}

base::CancelToken& InterruptToken() {
    static base::CancelToken token;
    return token;
}

void InstallInterruptHandlers() {
    InterruptToken();
    struct sigaction action {};
    action.sa_handler = [](int) { InterruptToken().Cancel(); };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

int Fail(const CommonOptions& options, const base::Error& error) {
    if (options.json) {
        nlohmann::json document = {{"format", 1},
                                   {"error",
                                    {{"code", base::ErrorCodeName(error.code)},
                                     {"message", error.message},
                                     {"detail", error.detail},
                                     {"hint", error.hint}}}};
        fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    fmt::print(stderr, "agri_backup: error: {}\n", error.message);
    if (!error.detail.empty()) fmt::print(stderr, "agri_backup: detail: {}\n", error.detail);
    if (!error.hint.empty()) fmt::print(stderr, "agri_backup: hint: {}\n", error.hint);
    return ExitCodeOf(error.code);
}

}  // namespace agri::cli

// Opening settings, repository and cluster for a command, interrupts, and how errors are shown.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace agri::cli {

using base::Result;

namespace {

constexpr const char* kConfigFolder = "/etc/agri_backup";

std::string Environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// An option's value, or else its variable's: needed before the file is read, which they outrank.
std::string GivenOutsideFile(const CommonOptions& options, const char* name, const char* variable) {
    auto option = options.settings.find(name);
    return option != options.settings.end() ? option->second : Environment(variable);
}

// The file that the server reads when it is told of none. One that is there but must not be read is
// left aside only when the repository is given without it.
base::Status LoadDefaultFile(const CommonOptions& options, engine::SettingsBuilder& builder) {
    std::string cluster = GivenOutsideFile(options, "cluster", "AGRI_BACKUP_CLUSTER");
    if (cluster.find('/') != std::string::npos) return {};
    const std::string path =
        fmt::format("{}/{}.conf", kConfigFolder, cluster.empty() ? "main" : cluster);
    if (access(path.c_str(), R_OK) != 0 &&
        (errno != EACCES ||
         !GivenOutsideFile(options, "repository", "AGRI_BACKUP_REPOSITORY").empty()))
        return {};
    return builder.LoadFile(path, "default");
}

base::Status LoadFiles(const CommonOptions& options, engine::SettingsBuilder& builder) {
    if (!options.config_file.empty())
        return builder.LoadFile(options.config_file, "option --config");
    constexpr const char* kVariable = "AGRI_BACKUP_CONFIG";
    const std::string file = Environment(kVariable);
    if (!file.empty()) return builder.LoadFile(file, fmt::format("environment {}", kVariable));
    return LoadDefaultFile(options, builder);
}

}  // namespace

std::string OptionOf(std::string_view setting) {
    std::string option = fmt::format("--{}", setting);
    std::replace(option.begin(), option.end(), '_', '-');
    return option;
}

Result<engine::SettingsBuilder> CollectSettings(const CommonOptions& options) {
    engine::SettingsBuilder builder;
    AGRI_TRY(LoadFiles(options, builder));
    AGRI_TRY(builder.LoadEnvironment());
    for (const auto& [name, value] : options.settings)
        AGRI_TRY(builder.Set(name, value, "option " + OptionOf(name)));
    return builder;
}

Result<std::unique_ptr<Session>> Session::Open(const CommonOptions& options,
                                               const std::string& data_directory) {
    AGRI_ASSIGN(engine::SettingsBuilder builder, CollectSettings(options));
    AGRI_ASSIGN(engine::Settings settings, builder.Build());
    std::unique_ptr<Session> session(new Session());
    session->settings_ = std::move(settings);
    session->sources_ = builder.Rows();
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
    return Keep(std::move(incarnation));
}

Result<repo::Incarnation*> Session::OpenIncarnationOf(const std::string& backup_id,
                                                      std::optional<uint32_t> number) {
    if (backup_id.empty() || number) return OpenIncarnation(number);
    AGRI_ASSIGN(repo::Repository * repository, OpenRepository());
    AGRI_ASSIGN(repo::Incarnation incarnation,
                repo::Incarnation::OpenHolding(*repository, settings_.cluster, backup_id));
    return Keep(std::move(incarnation));
}

Result<repo::Incarnation*> Session::OpenIncarnationFor(const repo::ClusterIdentity& identity) {
    AGRI_ASSIGN(repo::Repository * repository, OpenRepository());
    AGRI_ASSIGN(repo::Incarnation incarnation,
                repo::Incarnation::OpenKnown(*repository, settings_.cluster, identity));
    return Keep(std::move(incarnation));
}

repo::Incarnation* Session::Keep(repo::Incarnation incarnation) {
    incarnation_.emplace(std::move(incarnation));
    return &*incarnation_;
}

void AddIncarnationOption(CLI::App& command, std::optional<uint32_t>& number) {
    command.add_option("--incarnation", number,
                       "the cluster as it was before an upgrade (default: the newest one)");
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
    // A file that may grow no more is an error of its write, as a full disk is.
    signal(SIGXFSZ, SIG_IGN);
}

void PrintBelongsToRoot(const std::string& chown) {
    Print("It belongs to root. Give it to the user that the server runs as: {}\n", chown);
}

int Fail(const CommonOptions& options, const base::Error& error) {
    if (options.json) {
        nlohmann::json document = {{"format", 1},
                                   {"error",
                                    {{"code", base::ErrorCodeName(error.code)},
                                     {"message", error.message},
                                     {"detail", error.detail},
                                     {"hint", error.hint}}}};
        Print("{}\n", base::ToIndented(document));
    }
    PrintErr("agri_backup: error: {}\n", error.message);
    if (!error.detail.empty()) PrintErr("agri_backup: detail: {}\n", error.detail);
    if (!error.hint.empty()) PrintErr("agri_backup: hint: {}\n", error.hint);
    return ExitCodeOf(error.code);
}

}  // namespace agri::cli

// What every command is built from: the common options, an opened repository, and one function a
// command that adds itself to the command line. Commands return exit codes and print; the work is
// the engine's.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "cli/exit_code.hpp"
#include "engine/context.hpp"
#include "engine/settings.hpp"

namespace agri::cli {

// Options that every command takes, before or after its name.
struct CommonOptions {
    std::string config_file;
    std::map<std::string, std::string> settings;  // by setting name, as given
    bool json = false;
};

// Settings from file (--config, AGRI_BACKUP_CONFIG, /etc/agri_backup/CLUSTER.conf), environment and
// options, in this order.
base::Result<engine::SettingsBuilder> CollectSettings(const CommonOptions& options);

// "compression_level" → "--compression-level".
std::string OptionOf(std::string_view setting);

// Everything a command needs to work on a repository; lives as long as the command.
class Session {
   public:
    // `data_directory`: of the server here, to refuse a key inside it; may be empty.
    static base::Result<std::unique_ptr<Session>> Open(const CommonOptions& options,
                                                       const std::string& data_directory = "");
    const engine::Settings& settings() const { return settings_; }
    const engine::RepositorySettings& repository_settings() const {
        return settings_.repositories[0];
    }
    // Where each setting came from.
    const std::vector<engine::SettingsBuilder::Row>& sources() const { return sources_; }
    const engine::Context& context() const { return *context_; }
    engine::Progress& progress() { return progress_; }
    // For who cannot wait long for storage; before the repository is opened.
    void SetStoragePatience(std::chrono::milliseconds patience) {
        context_->storage_patience = patience;
    }
    // Opens the repository and the cluster's newest incarnation (or that number).
    base::Result<repo::Incarnation*> OpenIncarnation(std::optional<uint32_t> number = std::nullopt);
    // The newest one that holds the backup, unless a number is given.
    base::Result<repo::Incarnation*> OpenIncarnationOf(const std::string& backup_id,
                                                       std::optional<uint32_t> number);
    // The one that a data directory belongs to, in force or not.
    base::Result<repo::Incarnation*> OpenIncarnationFor(const repo::ClusterIdentity& identity);
    base::Result<repo::Repository*> OpenRepository();

   private:
    Session() = default;
    repo::Incarnation* Keep(repo::Incarnation incarnation);
    engine::Settings settings_;
    std::vector<engine::SettingsBuilder::Row> sources_;
    engine::Progress progress_;
    std::string data_directory_;
    std::unique_ptr<engine::Context> context_;
    std::unique_ptr<repo::Repository> repository_;
    std::optional<repo::Incarnation> incarnation_;
};

// --incarnation, for commands that read what an upgrade left behind.
void AddIncarnationOption(CLI::App& command, std::optional<uint32_t>& number);

// Cancelled by SIGINT and SIGTERM. Lives as long as the process.
base::CancelToken& InterruptToken();
void InstallInterruptHandlers();

// Prints an error as PostgreSQL's tools do ("agri_backup: error: …", detail and hint on lines of
// their own) or, with --json, as {"error": {…}}; returns its exit code.
int Fail(const CommonOptions& options, const base::Error& error);

// What root made is of no use to the server until this command is run.
void PrintBelongsToRoot(const std::string& chown);

// What main() runs once the command line is parsed.
using Action = std::function<int()>;

// Each adds one command; the chosen one sets `action`.
void AddInit(CLI::App& app, CommonOptions& options, Action& action);
void AddConfig(CLI::App& app, CommonOptions& options, Action& action);
void AddKey(CLI::App& app, CommonOptions& options, Action& action);
void AddInfo(CLI::App& app, CommonOptions& options, Action& action);
void AddVerify(CLI::App& app, CommonOptions& options, Action& action);
void AddRestore(CLI::App& app, CommonOptions& options, Action& action);
void AddWalFetch(CLI::App& app, CommonOptions& options, Action& action);
void AddWalPush(CLI::App& app, CommonOptions& options, Action& action);
void AddWalGap(CLI::App& app, CommonOptions& options, Action& action);
void AddAdopt(CLI::App& app, CommonOptions& options, Action& action);
void AddUpgrade(CLI::App& app, CommonOptions& options, Action& action);
void AddLineage(CLI::App& app, CommonOptions& options, Action& action);
void AddServer(CLI::App& app, CommonOptions& options, Action& action);

}  // namespace agri::cli

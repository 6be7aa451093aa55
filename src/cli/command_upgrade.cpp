// `upgrade`: an operator's word that this data directory goes on under the cluster's name.

#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "engine/upgrade.hpp"

namespace agri::cli {

namespace {

void PrintJson(const engine::UpgradeOutcome& outcome, const std::string& cluster) {
    nlohmann::json document = {
        {"format", 1},
        {"cluster", cluster},
        {"incarnation", outcome.now.number()},
        {"changed", outcome.IsChange()},
        {"major_version", outcome.now.major_version()},
        {"system_identifier", std::to_string(outcome.now.system_identifier())}};
    Print("{}\n", base::ToIndented(document));
}

void PrintText(const engine::UpgradeOutcome& outcome, const std::string& cluster) {
    const auto& now = outcome.now;
    Print("cluster {}: incarnation {}, PostgreSQL {}, system identifier {}{}\n", cluster,
          now.number(), now.major_version(), now.system_identifier(),
          outcome.IsChange() ? "" : ": in force already, nothing to do");
    if (!outcome.IsChange()) return;
    if (now.folder() != outcome.before.folder())
        Print("Incarnation {} (PostgreSQL {}) stays restorable, with --incarnation {}.\n",
              outcome.before.number(), outcome.before.major_version(), outcome.before.number());
    if (outcome.former_writer)
        Print("\"{}\" on host \"{}\" wrote to it and can archive no longer.\n",
              outcome.former_writer->data_directory(), outcome.former_writer->host());
    Print(
        "If the server runs, reload it: it archives then. Take a backup at once: until there is "
        "one, the WAL alone restores nothing.\n");
}

}  // namespace

void AddUpgrade(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command = app.add_subcommand(
        "upgrade",
        "after pg_upgrade or a new initdb: let this data directory have the cluster's name");
    auto data_directory = std::make_shared<std::string>();
    command
        ->add_option("-D,--data-directory", *data_directory,
                     "data directory of the new major version, or of the new cluster")
        ->required();
    command->callback([&options, &action, data_directory] {
        action = [&options, data_directory]() -> int {
            auto session = Session::Open(options, *data_directory);
            if (!session) return Fail(options, session.error());
            auto repository = (*session)->OpenRepository();
            if (!repository) return Fail(options, repository.error());
            auto outcome =
                engine::UpgradeCluster(**repository, *data_directory, (*session)->context());
            if (!outcome) return Fail(options, outcome.error());
            const std::string& cluster = (*session)->settings().cluster;
            options.json ? PrintJson(*outcome, cluster) : PrintText(*outcome, cluster);
            return kSuccess;
        };
    });
}

}  // namespace agri::cli

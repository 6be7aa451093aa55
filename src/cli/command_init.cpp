// `init`: makes a repository and registers a cluster in it; the only command that creates one.
#include <unistd.h>

#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "engine/init.hpp"

namespace agri::cli {

namespace {

void PrintJson(const Session& session, const engine::InitOutcome& outcome) {
    nlohmann::json document = {{"format", 1},
                               {"repository", session.repository_settings().uri},
                               {"created", outcome.repository_created}};
    if (outcome.system_identifier != 0) {
        document["cluster"] = session.settings().cluster;
        document["system_identifier"] = std::to_string(outcome.system_identifier);
    }
    Print("{}\n", base::ToIndented(document));
}

void PrintText(const Session& session, const engine::InitOutcome& outcome) {
    Print("repository {}: {}\n", session.repository_settings().uri,
          outcome.repository_created ? "created" : "already there");
    if (outcome.system_identifier != 0)
        Print("cluster {}: registered with system identifier {}\n", session.settings().cluster,
              outcome.system_identifier);
    else if (outcome.repository_created && geteuid() == 0)
        PrintBelongsToRoot("chown -R USER FOLDER");
}

}  // namespace

void AddInit(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command = app.add_subcommand("init", "make a repository, and register a cluster in it");
    auto data_directory = std::make_shared<std::string>();
    command->add_option(
        "-D,--data-directory", *data_directory,
        "data directory of the cluster to register; without it only the repository is made");
    command->callback([&options, &action, data_directory] {
        action = [&options, data_directory]() -> int {
            auto session = Session::Open(options, *data_directory);
            if (!session) return Fail(options, session.error());
            auto outcome = engine::InitRepository((*session)->repository_settings(),
                                                  *data_directory, (*session)->context());
            if (!outcome) return Fail(options, outcome.error());
            options.json ? PrintJson(**session, *outcome) : PrintText(**session, *outcome);
            return kSuccess;
        };
    });
}

}  // namespace agri::cli

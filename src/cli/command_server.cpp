// `server archive` and `server job`: what the PostgreSQL module starts. Hidden: not for people.
#include "cli/command.hpp"
#include "worker/archiving_process.hpp"
#include "worker/job_process.hpp"

namespace agri::cli {

namespace {

constexpr int kControlFd = 3;  // docs/architecture.md, "Control protocol"

}  // namespace

void AddServer(CLI::App& app, CommonOptions&, Action& action) {
    auto* command = app.add_subcommand("server", "")->group("");
    command->require_subcommand(1);
    command->add_subcommand("archive", "the archiving process")->callback([&action] {
        action = [] { return worker::RunArchivingProcess(kControlFd); };
    });
    command->add_subcommand("job", "a job process")->callback([&action] {
        action = [] { return worker::RunJobProcess(kControlFd); };
    });
}

}  // namespace agri::cli

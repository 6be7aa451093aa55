// `adopt`: an operator's word that this data directory is the one that writes from now on.
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "engine/adopt.hpp"

namespace agri::cli {

namespace {

nlohmann::json Describe(const repo::format::WriterClaim& claim) {
    return {{"epoch", claim.epoch()},
            {"host", claim.host()},
            {"data_directory", claim.data_directory()},
            {"timeline", claim.timeline()}};
}

void PrintJson(const engine::AdoptOutcome& outcome) {
    nlohmann::json document = {
        {"format", 1}, {"changed", outcome.is_change}, {"writer", Describe(outcome.claim)}};
    if (outcome.is_change)
        document["replaced"] = outcome.former ? Describe(*outcome.former) : nlohmann::json(nullptr);
    Print("{}\n", base::ToIndented(document));
}

void PrintText(const engine::AdoptOutcome& outcome) {
    const auto& claim = outcome.claim;
    if (!outcome.is_change) {
        Print("{} on {} is the writer already (epoch {})\n", claim.data_directory(), claim.host(),
              claim.epoch());
        return;
    }
    Print("{} on {} writes from now on (epoch {}); any other server is refused\n",
          claim.data_directory(), claim.host(), claim.epoch());
    if (outcome.former)
        Print("It replaces {} on {} (epoch {}, timeline {}).\n", outcome.former->data_directory(),
              outcome.former->host(), outcome.former->epoch(), outcome.former->timeline());
    Print(
        "If the server runs, reload it; a clone needs archive_mode = on again, for its "
        "subscriptions ALTER SYSTEM RESET max_logical_replication_workers, and a restart. "
        "Then take a backup: WAL of before may be missing.\n");
}

int Adopt(const CommonOptions& options, const std::string& data_directory, uint32_t timeline) {
    auto session = Session::Open(options, data_directory);
    if (!session) return Fail(options, session.error());
    if (auto owner = engine::CheckOwner(data_directory); !owner)
        return Fail(options, owner.error());
    auto incarnation = (*session)->OpenIncarnation();
    if (!incarnation) return Fail(options, incarnation.error());
    auto outcome = engine::Adopt(**incarnation, data_directory, base::TimelineId{timeline},
                                 (*session)->context());
    if (!outcome) return Fail(options, outcome.error());
    options.json ? PrintJson(*outcome) : PrintText(*outcome);
    return kSuccess;
}

}  // namespace

void AddAdopt(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("adopt", "let this data directory write to the repository from now on");
    auto data_directory = std::make_shared<std::string>();
    auto timeline = std::make_shared<uint32_t>(0);
    command
        ->add_option("-D,--data-directory", *data_directory, "the data directory that shall write")
        ->required();
    command->add_option("--timeline", *timeline, "its timeline (default: that of its pg_control)");
    command->callback([&options, &action, data_directory, timeline] {
        action = [&options, data_directory, timeline] {
            return Adopt(options, *data_directory, *timeline);
        };
    });
}

}  // namespace agri::cli

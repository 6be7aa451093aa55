// `verify`: a line a finding; exit code 14 when there is one.

#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/progress_bar.hpp"
#include "cli/table.hpp"
#include "engine/verify.hpp"

namespace agri::cli {

namespace {

void PrintFindings(const CommonOptions& options, const std::vector<engine::Finding>& findings,
                   const engine::VerifySummary& summary) {
    if (options.json) {
        nlohmann::json rows = nlohmann::json::array();
        for (const auto& f : findings)
            rows.push_back({{"backup_id", f.backup_id},
                            {"object", f.object},
                            {"severity", f.severity},
                            {"problem", f.problem},
                            {"hint", f.hint}});
        nlohmann::json document = {{"format", 1},
                                   {"backups", summary.backups},
                                   {"packs", summary.packs},
                                   {"wal_segments", summary.wal_segments},
                                   {"bytes", summary.bytes},
                                   {"findings", rows}};
        Print("{}\n", base::ToIndented(document));
        return;
    }
    Table table({"severity", "backup", "object", "problem", "hint"});
    for (const auto& f : findings)
        table.Add(
            {f.severity, f.backup_id.empty() ? "-" : f.backup_id, f.object, f.problem, f.hint});
    if (!table.empty()) Print("{}", table.ToString());
    Print("checked {}, {}: {}\n", summary.Checked(), HumanBytes(summary.bytes), summary.Outcome());
}

int Verify(const CommonOptions& options, const engine::VerifyRequest& request,
           std::optional<uint32_t> number) {
    auto session = Session::Open(options);
    if (!session) return Fail(options, session.error());
    auto incarnation = (*session)->OpenIncarnationOf(request.backup_id, number);
    if (!incarnation) return Fail(options, incarnation.error());
    std::vector<engine::Finding> findings;
    auto summary = [&] {
        ProgressBar bar((*session)->progress(), (*session)->context().clock);
        return engine::RunVerify(
            **incarnation, request, [&](const engine::Finding& f) { findings.push_back(f); },
            (*session)->context());
    }();
    if (!summary) return Fail(options, summary.error());
    PrintFindings(options, findings, *summary);
    return findings.empty() ? kSuccess : kFindings;
}

}  // namespace

void AddVerify(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command = app.add_subcommand(
        "verify", "check that everything a restore needs is present and authentic");
    auto request = std::make_shared<engine::VerifyRequest>();
    auto level = std::make_shared<std::string>("contents");
    command->add_option("--backup", request->backup_id, "only this backup (default: all)");
    command
        ->add_option("--level", *level,
                     "contents (default: every byte) or objects (presence and indexes)")
        ->check(CLI::IsMember({"objects", "contents"}));
    auto number = std::make_shared<std::optional<uint32_t>>();
    AddIncarnationOption(*command, *number);
    command->callback([&options, &action, request, level, number] {
        action = [&options, request, level, number] {
            request->level = *level == "objects" ? engine::VerifyLevel::kObjects
                                                 : engine::VerifyLevel::kContents;
            return Verify(options, *request, *number);
        };
    });
}

}  // namespace agri::cli

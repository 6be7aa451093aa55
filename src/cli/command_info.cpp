// `info`: backups, WAL and recovery windows, in the words and figures of the SQL views.
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include "engine/report.hpp"

namespace agri::cli {

namespace {

std::string Text(const nlohmann::json& value) {
    if (value.is_null()) return "-";
    return value.is_string() ? value.get<std::string>() : base::ToLine(value);
}

std::string Bytes(const nlohmann::json& value) {
    return value.is_null() ? "-" : HumanBytes(value.get<uint64_t>());
}

void PrintBackups(const nlohmann::json& backups) {
    Table table({"backup", "kind", "timeline", "start", "stop", "stop time", "size", "stored",
                 "duration", "label", "problem"});
    for (const auto& b : backups)
        table.Add(
            {Text(b["backup_id"]), Text(b["kind"]), Text(b["timeline"]), Text(b["start_lsn"]),
             Text(b["stop_lsn"]), Text(b["stop_time"]), Bytes(b["bytes"]), Bytes(b["stored_bytes"]),
             b["duration_ms"].is_null() ? "-" : HumanDuration(b["duration_ms"].get<uint64_t>()),
             Text(b["label"]), Text(b["problem"])});
    Print("{}", table.empty() ? "no backups yet: SELECT agri_backup_now();\n" : table.ToString());
}

void PrintRanges(const nlohmann::json& ranges) {
    Table table(
        {"timeline", "status", "from", "to", "segments", "stored", "first commit", "last commit"});
    for (const auto& r : ranges)
        table.Add({Text(r["timeline"]), Text(r["status"]), Text(r["from_lsn"]), Text(r["to_lsn"]),
                   Text(r["segments"]), Bytes(r["stored_bytes"]), Text(r["first_commit_time"]),
                   Text(r["last_commit_time"])});
    Print("{}", table.empty() ? "no WAL archived yet\n" : table.ToString());
}

void PrintWindows(const nlohmann::json& windows) {
    Table table({"timeline", "first backup", "from", "to", "from time", "to time"});
    for (const auto& w : windows)
        table.Add({Text(w["timeline"]), Text(w["first_backup"]), Text(w["from_lsn"]),
                   Text(w["to_lsn"]), Text(w["from_time"]), Text(w["to_time"])});
    Print("{}", table.empty() ? "none: each begins with a backup\n" : table.ToString());
}

// Only where there is more than one: most clusters never had an upgrade.
void PrintIncarnations(const nlohmann::json& document) {
    const auto& all = document["incarnations"];
    if (all.size() < 2) return;
    Table table({"incarnation", "PostgreSQL", "system identifier", "since", ""});
    for (const auto& i : all)
        table.Add({Text(i["incarnation"]), Text(i["major_version"]), Text(i["system_identifier"]),
                   Text(i["since"]),
                   i["incarnation"] == document["incarnation"] ? "shown here" : ""});
    Print("Incarnations (--incarnation)\n{}\n", table.ToString());
}

int Info(const CommonOptions& options, std::optional<uint32_t> number) {
    auto session = Session::Open(options);
    if (!session) return Fail(options, session.error());
    auto incarnation = (*session)->OpenIncarnation(number);
    if (!incarnation) return Fail(options, incarnation.error());
    auto document = engine::DescribeRepository(**incarnation, (*session)->repository_settings(),
                                               (*session)->context());
    if (!document) return Fail(options, document.error());
    if (options.json) {
        Print("{}\n", base::ToIndented(*document));
        return kSuccess;
    }
    Print("repository {}, cluster {}\n\n", (*session)->repository_settings().uri,
          (*session)->settings().cluster);
    PrintIncarnations(*document);
    Print("Backups\n");
    PrintBackups((*document)["backups"]);
    Print("\nWAL\n");
    PrintRanges((*document)["wal_archive"]);
    Print("\nRecovery windows\n");
    PrintWindows((*document)["recovery_window"]);
    for (const auto& damaged : (*document)["wal_problems"])
        Print("\nproblem: {}: {}\n", Text(damaged["object"]), Text(damaged["problem"]));
    for (const auto& running : (*document)["running"])
        Print("\nrunning: {} on {}, pid {}, since {}\n", Text(running["backup_id"]),
              Text(running["host"]), Text(running["pid"]), Text(running["since"]));
    return kSuccess;
}

}  // namespace

void AddInfo(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("info", "show backups, archived WAL and what can be restored");
    auto number = std::make_shared<std::optional<uint32_t>>();
    AddIncarnationOption(*command, *number);
    command->callback([&options, &action, number] {
        action = [&options, number] { return Info(options, *number); };
    });
}

}  // namespace agri::cli

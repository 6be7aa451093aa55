// `restore`: turns options into a request, says what was chosen before anything is written, and
// ends with the command that starts the server.
#include <algorithm>
#include <array>

#include "base/count.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/progress_bar.hpp"
#include "cli/table.hpp"
#include "engine/restore.hpp"
#include "engine/target_options.hpp"

namespace agri::cli {

namespace {

struct RestoreOptions {
    engine::TargetOptions target;
    std::string target_directory, backup, role = "original", tablespace_base, wal_directory;
    std::vector<std::string> tablespaces;
    std::optional<uint32_t> incarnation;
    bool delta = false;
    bool leave_recovery_alone = false;
};

std::string ShellQuote(const std::string& text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
}

// How the restored server's restore_command finds the repository: by the configuration file that
// was read here, and by what outranked it (all of it, where there is no file). Neither holds a
// secret.
std::string SettingsArgument(const Session& session) {
    constexpr std::array<std::string_view, 4> kNeeded{"cluster", "encryption", "key", "repository"};
    const std::string& file = session.settings().config_file;
    std::string argument = file.empty() ? "" : "--config " + ShellQuote(file);
    for (const auto& row : session.sources()) {
        const bool is_needed = std::find(kNeeded.begin(), kNeeded.end(), row.name) != kNeeded.end();
        if (!is_needed || row.source == "default" || row.source == "file " + file) continue;
        argument +=
            (argument.empty() ? "" : " ") + OptionOf(row.name) + " " + ShellQuote(row.value);
    }
    return argument;
}

base::Result<engine::RestoreRequest> BuildRequest(const RestoreOptions& given,
                                                  const std::string& settings_argument) {
    engine::RestoreRequest request;
    AGRI_ASSIGN(request.target, engine::ParseTarget(given.target));
    request.target_directory = given.target_directory;
    request.backup_id = given.backup;
    request.role = given.role == "standby" ? engine::RestoreRole::kStandby
                   : given.role == "clone" ? engine::RestoreRole::kClone
                                           : engine::RestoreRole::kOriginal;
    // A standby goes on to be one.
    if (request.role == engine::RestoreRole::kStandby && given.target.action.empty())
        request.target.action = engine::TargetAction::kPause;
    request.existing = given.delta ? engine::ExistingFiles::kDelta : engine::ExistingFiles::kRefuse;
    request.recovery = given.leave_recovery_alone ? engine::RecoverySettings::kLeaveAlone
                                                  : engine::RecoverySettings::kWrite;
    for (const std::string& mapping : given.tablespaces) {
        size_t equals = mapping.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == mapping.size())
            return base::MakeError(base::ErrorCode::kInvalidArgument,
                                   "invalid tablespace mapping \"{}\"", mapping)
                .WithHint("Write OLD=NEW, where OLD is the tablespace's folder or OID.");
        request.tablespace_map[mapping.substr(0, equals)] = mapping.substr(equals + 1);
    }
    request.tablespace_base = given.tablespace_base;
    request.wal_directory = given.wal_directory;
    request.config_argument = settings_argument;
    return request;
}

void PrintPlan(const engine::RestorePlan& plan) {
    PrintErr("backup {} (timeline {}, {} to {}, {})\n", plan.backup.backup_id(),
             plan.backup.timeline(), base::Lsn{plan.backup.start_lsn()}.ToString(),
             base::Lsn{plan.backup.stop_lsn()}.ToString(),
             HumanBytes(plan.backup.statistics().bytes()));
    PrintErr("chosen because {}\n", plan.reason);
    PrintErr("recovery replays {}, to {} on timeline {}\n",
             base::Count(plan.wal_segments, "WAL segment"), plan.end_lsn.ToString(),
             plan.target_timeline.value);
    // While it can still be reconsidered; at the end they stand among the notes again.
    for (const std::string& warning : plan.warnings) PrintErr("warning: {}\n", warning);
}

void PrintResult(const CommonOptions& options, const engine::RestoreResult& result) {
    if (options.json) {
        nlohmann::json document = {{"format", 1},
                                   {"backup_id", result.plan.backup.backup_id()},
                                   {"reason", result.plan.reason},
                                   {"files", result.files},
                                   {"bytes", result.bytes},
                                   {"rewritten_bytes", result.rewritten_bytes},
                                   {"notes", result.notes},
                                   {"configuration_folder", result.configuration_folder},
                                   {"start_command", result.start_command}};
        Print("{}\n", base::ToIndented(document));
        return;
    }
    Print("restored {} files, {}", result.files, HumanBytes(result.bytes));
    if (result.rewritten_bytes != result.bytes)
        Print(", of which {} were written", HumanBytes(result.rewritten_bytes));
    Print("\n");
    for (const std::string& note : result.notes) Print("note: {}\n", note);
    if (!result.configuration_folder.empty())
        Print("configuration from outside the data directory is in {}\n",
              result.configuration_folder);
    Print("start the server with:\n  {}\n", result.start_command);
}

// A damaged backup is not the end: an earlier one and the WAL since lead to the same moment.
base::Error NameTheOthers(base::Error error) {
    if (error.code == base::ErrorCode::kCorrupt)
        error.hint += fmt::format(
            "{}\"agri_backup info\" lists the backups; --backup restores from another one.",
            error.hint.empty() ? "" : " ");
    return error;
}

int Restore(const CommonOptions& options, const RestoreOptions& given) {
    auto session = Session::Open(options, given.target_directory);
    if (!session) return Fail(options, session.error());
    auto request = BuildRequest(given, SettingsArgument(**session));
    if (!request) return Fail(options, request.error());
    auto incarnation = (*session)->OpenIncarnationOf(given.backup, given.incarnation);
    if (!incarnation) return Fail(options, incarnation.error());
    std::unique_ptr<ProgressBar> bar;
    request->on_plan = [&](const engine::RestorePlan& plan) {
        PrintPlan(plan);
        bar = std::make_unique<ProgressBar>((*session)->progress(), (*session)->context().clock);
    };
    auto result = engine::RunRestore(**incarnation, *request, (*session)->context());
    bar.reset();
    if (!result) return Fail(options, NameTheOthers(std::move(result).error()));
    PrintResult(options, *result);
    return kSuccess;
}

void AddTargetOptions(CLI::App& command, engine::TargetOptions& target) {
    command.add_option(
        "--target-time", target.time,
        "recover to this moment; a UTC offset is required, as in \"2026-11-22 20:15:00+01\"");
    command.add_option("--target-lsn", target.lsn, "recover to this LSN");
    command.add_option("--target-xid", target.xid,
                       "recover to this transaction, as pg_current_xact_id() showed it");
    command.add_option("--target-name", target.name, "recover to this restore point");
    command.add_flag("--target-immediate", target.immediate,
                     "stop as soon as the backup is consistent");
    command.add_flag("--exclusive", target.exclusive, "stop just before the target, not after it");
    command.add_option("--target-timeline", target.timeline,
                       "latest (default: the newest that the repository's writer has not left), "
                       "current or a number");
    command.add_option("--target-action", target.action,
                       "promote (default), pause (default of a standby) or shutdown");
}

}  // namespace

void AddRestore(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("restore", "restore a backup and recover to the end of WAL or a target");
    auto given = std::make_shared<RestoreOptions>();
    command->add_option("-D,--target-dir", given->target_directory, "where to restore to")
        ->required();
    command->add_option("--backup", given->backup,
                        "this backup (default: the one that fits the target best)");
    AddIncarnationOption(*command, given->incarnation);
    AddTargetOptions(*command, given->target);
    command
        ->add_option("--as", given->role, "original (default), standby or clone (never archives)")
        ->check(CLI::IsMember({"original", "standby", "clone"}));
    command->add_flag("--delta", given->delta,
                      "restore over an existing directory, rewriting what differs");
    command->add_flag("--leave-recovery-settings", given->leave_recovery_alone,
                      "write no recovery settings");
    command->add_option("--tablespace-map", given->tablespaces,
                        "OLD=NEW: folder or OID, and its new folder");
    command->add_option("--tablespace-base", given->tablespace_base,
                        "put every other tablespace into FOLDER/OID");
    command->add_option("--wal-dir", given->wal_directory,
                        "put pg_wal there, linked from the data directory");
    command->callback([&options, &action, given] {
        action = [&options, given] { return Restore(options, *given); };
    });
}

}  // namespace agri::cli

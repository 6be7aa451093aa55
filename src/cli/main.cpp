// The agri_backup command: parses the command line and runs one command. A secret is never an
// option.
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include "base/version.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/usage.hpp"

namespace agri::cli {
namespace {

constexpr const char* kAbout =
    "Backup and recovery for PostgreSQL: reads and restores what a server with the agri_backup\n"
    "extension wrote, with the repository and the key alone. Back up with SQL: SELECT "
    "agri_backup_now().";

constexpr const char* kFooter =
    "Every command takes the options that \"agri_backup --help\" lists.\n\n"
    "Exit codes: 0 success; 1 no such WAL file (wal-fetch); 2 usage; 3 configuration; 4 not "
    "found;\n"
    "5 conflict; 6 busy; 7 corrupt; 8 permission or wrong key; 9 no space; 10 storage "
    "unavailable;\n"
    "11 unreachable recovery target; 12 cluster state; 13 cancelled; 14 verify found damage;\n"
    "20 other failure; 200 wal-fetch: recovery must stop.";

// CLI11 breaks these texts once more from version 2.5 on.
template <class Formatter>
void KeepLineBreaks(Formatter& formatter) {
    if constexpr (requires { formatter.enable_description_formatting(false); }) {
        formatter.enable_description_formatting(false);
        formatter.enable_footer_formatting(false);
    }
}

void AddCommonOptions(CLI::App& app, CommonOptions& options) {
    app.add_option("--config", options.config_file, "configuration file (AGRI_BACKUP_CONFIG)");
    auto setting = [&](const char* flag, const char* name, const char* help) {
        app.add_option_function<std::string>(
            flag, [&options, name](const std::string& value) { options.settings[name] = value; },
            help);
    };
    setting("--repository", "repository", "repository, as file:///FOLDER (AGRI_BACKUP_REPOSITORY)");
    setting("--key", "key", "key, as file:///FILE (AGRI_BACKUP_KEY)");
    setting("--cluster", "cluster", "name of the cluster in the repository (default: main)");
    setting("--encryption", "encryption", "on (default) or off");
    setting("--compression-level", "compression_level", "zstd level, -7 to 19 (default: 1)");
    setting("--parallel", "parallel", "working threads (default: one a CPU, at most 8)");
    setting("--memory-limit", "memory_limit", "memory for buffers (default: 256MB)");
    setting("--rate-limit", "rate_limit",
            "bytes per second to and from storage (default: no limit)");
    setting("--log-level", "log_level", "debug, info (default), warning or error");
    app.add_flag("--json", options.json, "print JSON instead of text");
}

// A restore_command that does not parse must stop recovery: PostgreSQL takes a small exit code for
// the end of WAL, and would promote there.
bool IsWalFetch(int argc, char** argv) {
    return std::any_of(argv, argv + argc, [](const char* argument) {
        return argument == std::string_view("wal-fetch");
    });
}

// A postmaster that adopted a process of its server takes an exit code above 1 for a crash.
bool IsOfServer(int argc, char** argv) { return argc > 1 && argv[1] == std::string_view("server"); }

int FailureOf(int argc, char** argv, int failure) {
    if (IsWalFetch(argc, argv)) return kFetchError;
    return IsOfServer(argc, argv) ? EXIT_FAILURE : failure;
}

int Run(int argc, char** argv) {
    CLI::App app(kAbout, "agri_backup");
    app.footer(kFooter);
    KeepLineBreaks(*app.get_formatter());
    app.set_version_flag("--version", fmt::format("agri_backup {}", base::kVersion));
    app.require_subcommand(1);
    app.fallthrough();
    CommonOptions options;
    Action action;
    AddCommonOptions(app, options);
    for (auto* add : {AddInit, AddConfig, AddKey, AddInfo, AddVerify, AddRestore, AddWalFetch,
                      AddWalPush, AddWalGap, AddLineage, AddAdopt, AddUpgrade, AddServer})
        add(app, options, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
        Fail(options, UsageError(app, error));
        return FailureOf(argc, argv, kUsage);
    }
    if (base::Status given = CheckNoneIsEmpty(app); !given) {
        Fail(options, given.error());
        return FailureOf(argc, argv, kUsage);
    }
    const int code = action();
    base::Status written = OutputState();
    if (written || code != kSuccess) return code;
    return Fail({}, std::move(written).error().WithHint(
                        "The command has done its work; its report alone is not complete."));
}

}  // namespace
}  // namespace agri::cli

int main(int argc, char** argv) {
    // Keys are in this process's memory: no core dump, no ptrace by the same user.
    prctl(PR_SET_DUMPABLE, 0);
    agri::cli::HoldStandardDescriptors();
    agri::cli::InstallInterruptHandlers();
    try {
        return agri::cli::Run(argc, argv);
    } catch (const std::bad_alloc&) {
        // Composing a message would take memory.
        (void)std::fputs(
            "agri_backup: error: out of memory\n"
            "agri_backup: hint: Lower --memory-limit or --parallel, or give it more.\n",
            stderr);
        return agri::cli::FailureOf(argc, argv, agri::cli::kFailure);
    } catch (const std::exception& error) {
        agri::cli::PrintErr("agri_backup: error: {}\n", error.what());
        return agri::cli::FailureOf(argc, argv, agri::cli::kFailure);
    }
}

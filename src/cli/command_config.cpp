// `config`: what is in force and from where; `key create`: a new key file.
#include <unistd.h>

#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include "repo/keyring.hpp"
#include "repo/user_key.hpp"

namespace agri::cli {

namespace {

int PrintKey(const CommonOptions& options, const std::string& path, bool is_new) {
    if (options.json) {
        Print("{}\n", base::ToIndented({{"format", 1}, {"key", path}, {"created", is_new}}));
        return kSuccess;
    }
    if (!is_new) {
        Print("key {}: already there\n", path);
        return kSuccess;
    }
    Print(
        "key written to {}\n"
        "Keep a copy of it away from this machine: without it no backup can be restored.\n",
        path);
    if (geteuid() == 0) PrintBelongsToRoot("chown USER " + path);
    return kSuccess;
}

// Provisioning that is repeated keeps the key, if it is one and nobody else can read it; it may do
// so where it can write nothing.
int CreateKey(const CommonOptions& options, const std::string& place, bool if_missing) {
    auto path = repo::PathOfKey(place);
    if (!path) return Fail(options, path.error());
    if (!if_missing || access(path->c_str(), F_OK) != 0) {
        auto status = repo::CreateUserKeyFile(*path, base::SystemRandom());
        if (status) return PrintKey(options, *path, true);
        if (!if_missing || status.error().code != base::ErrorCode::kAlreadyExists)
            return Fail(options, status.error());
    }
    auto key = repo::LoadUserKeyFile(*path);
    return key ? PrintKey(options, *path, false) : Fail(options, key.error());
}

}  // namespace

void AddConfig(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("config", "print the settings in force and where each comes from");
    command->callback([&options, &action] {
        action = [&options]() -> int {
            auto builder = CollectSettings(options);
            if (!builder) return Fail(options, builder.error());
            nlohmann::json rows = nlohmann::json::array();
            Table table({"setting", "value", "source"});
            for (const auto& row : builder->Rows()) {
                table.Add({row.name, row.value, row.source});
                rows.push_back(
                    {{"setting", row.name}, {"value", row.value}, {"source", row.source}});
            }
            if (options.json)
                Print("{}\n", base::ToIndented({{"format", 1}, {"settings", rows}}));
            else
                Print("{}", table.ToString());
            auto settings = builder->Build();
            return settings ? kSuccess : Fail(options, settings.error());
        };
    });
}

void AddKey(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command = app.add_subcommand("key", "make and look at keys");
    command->require_subcommand(1);
    auto* create = command->add_subcommand(
        "create", "write a new random key to FILE (0600, never over a file)");
    auto path = std::make_shared<std::string>();
    create->add_option("FILE", *path, "where to write it; keep a copy away from this machine")
        ->required();
    auto if_missing = std::make_shared<bool>(false);
    create->add_flag("--if-missing", *if_missing,
                     "succeed without a new key where FILE is a usable key already");
    create->callback([&options, &action, path, if_missing] {
        action = [&options, path, if_missing] { return CreateKey(options, *path, *if_missing); };
    });
}

}  // namespace agri::cli

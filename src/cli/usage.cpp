#include "cli/usage.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace agri::cli {

using base::ErrorCode;
using base::MakeError;

namespace {

// What is no command here, because it is done in SQL.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kInSql{{
    {"backup", "SELECT agri_backup_now()"},
    {"cancel", "agri_cancel()"},
    {"check", "SELECT * FROM agri_check()"},
    {"pause", "agri_pause()"},
    {"refresh", "SELECT agri_refresh()"},
    {"resume", "agri_resume()"},
    {"schedule", "agri_schedule()"},
    {"status", "SELECT * FROM agri_backup.status"},
    {"unschedule", "agri_unschedule()"},
}};

const CLI::App& Innermost(const CLI::App& app) {
    const auto below = app.get_subcommands();
    return below.empty() ? app : Innermost(*below.back());
}

// "agri_backup key create".
std::string NameOf(const CLI::App& app) {
    const CLI::App* parent = app.get_parent();
    return parent == nullptr ? app.get_name() : NameOf(*parent) + " " + app.get_name();
}

std::string SeeHelp(const CLI::App& app) {
    return fmt::format("\"{} --help\" lists what it takes.", NameOf(app));
}

base::Error NoCommand(const CLI::App& app, const std::vector<std::string>& rest) {
    const auto word = std::find_if(rest.begin(), rest.end(),
                                   [](const std::string& text) { return !text.starts_with('-'); });
    const std::string lists = fmt::format("\"{} --help\" lists the commands.", NameOf(app));
    if (word == rest.end())
        return base::Error(ErrorCode::kInvalidArgument, "no command is given").WithHint(lists);
    const auto in_sql = std::find_if(kInSql.begin(), kInSql.end(),
                                     [&](const auto& entry) { return entry.first == *word; });
    return MakeError(ErrorCode::kInvalidArgument, "there is no command \"{}\"", *word)
        .WithHint(in_sql == kInSql.end()
                      ? lists
                      : fmt::format("The server does that, in SQL: {}. {}", in_sql->second, lists));
}

std::string Lowered(std::string text) {
    if (text.size() > 1 && std::isupper(static_cast<unsigned char>(text[0])) &&
        std::islower(static_cast<unsigned char>(text[1])))
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
}

}  // namespace

base::Error UsageError(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App& command = Innermost(app);
    const std::vector<std::string> rest = app.remaining(true);
    const bool is_about_rest = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr ||
                               dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    if (is_about_rest && command.get_require_subcommand_min() > 0) return NoCommand(command, rest);
    if (is_about_rest && !rest.empty())
        return MakeError(ErrorCode::kInvalidArgument, "unexpected argument \"{}\"", rest.front())
            .WithHint(SeeHelp(command));
    return base::Error(ErrorCode::kInvalidArgument, Lowered(error.what()))
        .WithHint(SeeHelp(command));
}

base::Status CheckNoneIsEmpty(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        const auto& values = option->results();
        if (std::find(values.begin(), values.end(), "") == values.end()) continue;
        return MakeError(ErrorCode::kInvalidArgument, "invalid value for {}: \"\"",
                         option->get_name())
            .WithHint(
                "Give it a value, or leave it out. Is a variable of the shell that stands there "
                "not set?");
    }
    for (const CLI::App* command : app.get_subcommands()) AGRI_TRY(CheckNoneIsEmpty(*command));
    return {};
}

}  // namespace agri::cli

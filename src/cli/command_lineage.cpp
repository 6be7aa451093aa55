// `lineage`: who was and is the writer of a cluster, and what this data directory has to do with
// it.

#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include "repo/claim.hpp"

namespace agri::cli {

namespace {

using Claims = std::vector<repo::format::WriterClaim>;

std::string Since(const repo::format::WriterClaim& claim) {
    return base::FormatTime(base::WallTime{std::chrono::microseconds(claim.created_us())});
}

// Which claim a data directory knows: 0 for none.
base::Result<uint64_t> KnownEpoch(const std::string& data_directory, const Claims& claims) {
    if (data_directory.empty()) return 0;
    AGRI_TRY(repo::IdentifyDataDirectory(data_directory));
    AGRI_ASSIGN(const auto local, repo::LoadLocalClaim(data_directory));
    for (const auto& claim : claims)
        if (local && claim.claim_id() == local->claim_id()) return claim.epoch();
    return 0;
}

bool IsHome(const repo::format::WriterClaim& claim, const std::string& data_directory) {
    auto here = repo::IdentifyDataDirectory(data_directory);
    return here && here->host == claim.host() && here->machine_id == claim.machine_id() &&
           here->data_directory == claim.data_directory() &&
           here->inode == claim.data_directory_inode();
}

// The words say what archiving of that directory would meet.
std::string Standing(const std::string& data_directory, uint64_t known, const Claims& claims) {
    if (claims.empty()) return "no server has written yet: the first one to archive is the writer";
    const auto& current = claims.back();
    if (known == current.epoch() && IsHome(current, data_directory)) return "it is the writer";
    if (known == 0) return "it has no claim of this cluster, and may not write";
    if (known == current.epoch())
        return "it is a copy or a standby of the writer, and may write after a promotion";
    return fmt::format(
        "its claim is of epoch {}: it may write after it followed the writer and was promoted",
        known);
}

void PrintJson(const Claims& claims, const std::string& data_directory, uint64_t known) {
    nlohmann::json document = {{"format", 1}, {"claims", nlohmann::json::array()}};
    for (const auto& claim : claims)
        document["claims"].push_back({{"epoch", claim.epoch()},
                                      {"in_force", &claim == &claims.back()},
                                      {"host", claim.host()},
                                      {"data_directory", claim.data_directory()},
                                      {"timeline", claim.timeline()},
                                      {"reason", claim.reason()},
                                      {"since", Since(claim)}});
    if (!data_directory.empty())
        document["data_directory"] = {{"path", data_directory},
                                      {"epoch", known},
                                      {"standing", Standing(data_directory, known, claims)}};
    Print("{}\n", base::ToIndented(document));
}

int PrintLineage(const CommonOptions& options, const std::string& data_directory,
                 std::optional<uint32_t> number) {
    auto session = Session::Open(options, data_directory);
    if (!session) return Fail(options, session.error());
    auto incarnation = (*session)->OpenIncarnation(number);
    if (!incarnation) return Fail(options, incarnation.error());
    auto claims = repo::Lineage(**incarnation);
    if (!claims) return Fail(options, claims.error());
    auto known = KnownEpoch(data_directory, *claims);
    if (!known) return Fail(options, known.error());
    if (options.json) {
        PrintJson(*claims, data_directory, *known);
        return kSuccess;
    }
    Table table({"epoch", "writer", "host", "data directory", "timeline", "reason", "since"});
    for (const auto& claim : *claims)
        table.Add({std::to_string(claim.epoch()), &claim == &claims->back() ? "in force" : "-",
                   claim.host(), claim.data_directory(), std::to_string(claim.timeline()),
                   claim.reason(), Since(claim)});
    Print("{}", table.empty() ? "no server has written yet\n" : table.ToString());
    if (!data_directory.empty())
        Print("\n{}: {}\n", data_directory, Standing(data_directory, *known, *claims));
    return kSuccess;
}

}  // namespace

void AddLineage(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("lineage", "show which servers wrote to the repository, and which may");
    auto data_directory = std::make_shared<std::string>();
    command->add_option("-D,--data-directory", *data_directory,
                        "say as well what this data directory may do");
    auto number = std::make_shared<std::optional<uint32_t>>();
    AddIncarnationOption(*command, *number);
    command->callback([&options, &action, data_directory, number] {
        action = [&options, data_directory, number] {
            return PrintLineage(options, *data_directory, *number);
        };
    });
}

}  // namespace agri::cli

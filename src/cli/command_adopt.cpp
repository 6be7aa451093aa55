// `adopt`: an operator's word that this data directory is the one that writes from now on.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "engine/control_file.hpp"
#include "engine/restore_layout.hpp"
#include "repo/claim.hpp"

namespace agri::cli {

namespace {

// The claim is written for the server to read, which runs as the owner; pg_rewind has the same
// rule.
base::Status CheckOwner(const std::string& data_directory) {
    struct stat info;
    if (stat(data_directory.c_str(), &info) != 0)
        return base::ErrnoError(
            errno, fmt::format("could not look at data directory \"{}\"", data_directory));
    if (info.st_uid == geteuid()) return {};
    return base::MakeError(base::ErrorCode::kPermission,
                           "adopt must be run by the owner of data directory \"{}\"",
                           data_directory)
        .WithHint(fmt::format("Run it as that user: sudo -u '#{}' agri_backup ...", info.st_uid));
}

// A clone that writes is none any longer; what restore set beside the role is the operator's to
// change, with the server.
base::Status EndClone(const std::string& data_directory) {
    const std::string path = fmt::format("{}/{}", data_directory, engine::kRoleFile);
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return base::ErrnoError(errno, fmt::format("could not remove file \"{}\"", path));
}

base::Result<repo::format::WriterClaim> Adopt(Session& session, const std::string& data_directory,
                                              uint32_t timeline) {
    AGRI_TRY(CheckOwner(data_directory));
    AGRI_ASSIGN(repo::Incarnation * incarnation, session.OpenIncarnation());
    AGRI_ASSIGN(const auto image,
                engine::ReadControlImage(data_directory, session.context().cancel));
    const wal::ControlFile& control = image.control;
    if (control.system_identifier != incarnation->info().system_identifier())
        return base::MakeError(base::ErrorCode::kConflict,
                               "data directory \"{}\" is of system {}, but cluster \"{}\" is "
                               "system {}",
                               data_directory, control.system_identifier, incarnation->cluster(),
                               incarnation->info().system_identifier())
            .WithHint(
                "Name the data directory's own cluster with --cluster. If it shall have this one's "
                "name from now on, run \"agri_backup upgrade\" first.");
    if (timeline == 0) timeline = control.timeline.value;
    AGRI_ASSIGN(auto claim,
                repo::AdoptClaim(*incarnation, data_directory, base::TimelineId{timeline}, "adopt",
                                 session.context().clock, session.context().random));
    AGRI_TRY(EndClone(data_directory));
    return claim;
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
        action = [&options, data_directory, timeline]() -> int {
            auto session = Session::Open(options, *data_directory);
            if (!session) return Fail(options, session.error());
            auto claim = Adopt(**session, *data_directory, *timeline);
            if (!claim) return Fail(options, claim.error());
            Print(
                "{} on {} writes from now on (epoch {}); any other server is refused\n"
                "If the server runs, reload it; a clone needs archive_mode = on again, for its "
                "subscriptions ALTER SYSTEM RESET max_logical_replication_workers, and a restart. "
                "Then take a backup: WAL of before may be missing.\n",
                *data_directory, claim->host(), claim->epoch());
            return kSuccess;
        };
    });
}

}  // namespace agri::cli

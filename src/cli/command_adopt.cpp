// `adopt`: an operator's word that this data directory is the one that writes from now on.
#include "cli/command.hpp"
#include "repo/claim.hpp"

namespace agri::cli {

namespace {

base::Result<repo::format::WriterClaim> Adopt(Session& session, const std::string& data_directory,
                                              uint32_t timeline) {
    AGRI_ASSIGN(repo::Incarnation * incarnation, session.OpenIncarnation());
    AGRI_ASSIGN(auto current, repo::CurrentClaim(*incarnation));
    if (timeline == 0) timeline = current ? current->timeline() : 1;
    return repo::AdoptClaim(*incarnation, data_directory, base::TimelineId{timeline}, "adopt",
                            session.context().clock, session.context().random);
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
    command->add_option("--timeline", *timeline, "its timeline (default: the last claim's)");
    command->callback([&options, &action, data_directory, timeline] {
        action = [&options, data_directory, timeline]() -> int {
            auto session = Session::Open(options, *data_directory);
            if (!session) return Fail(options, session.error());
            auto claim = Adopt(**session, *data_directory, *timeline);
            if (!claim) return Fail(options, claim.error());
            fmt::print("{} on {} writes from now on (epoch {}); any other server is refused\n",
                       *data_directory, claim->host(), claim->epoch());
            return kSuccess;
        };
    });
}

}  // namespace agri::cli

// The identity of a cluster comes from its pg_control, so no running server is needed.
#include "engine/init.hpp"

#include "engine/control_file.hpp"
#include "repo/place.hpp"
#include "repo/repository.hpp"

namespace agri::engine {

using base::Result;
using base::Status;

namespace {

// A backup would refuse it; by then WAL is archived to it.
Status CheckPlace(const std::string& uri) {
    const auto path = repo::PathOfFileUri(uri);
    if (!path) return {};
    AGRI_ASSIGN(const auto data_directory, repo::EnclosingDataDirectory(*path));
    if (!data_directory) return {};
    return base::MakeError(base::ErrorCode::kConfiguration,
                           "repository \"{}\" lies inside the data directory \"{}\"", uri,
                           *data_directory)
        .WithDetail("Backups would contain it, and be lost together with the server.")
        .WithHint("Put the repository outside, best on another machine.");
}

}  // namespace

Result<InitOutcome> InitRepository(const RepositorySettings& repository,
                                   const std::string& data_directory, const Context& context) {
    repo::ClusterIdentity identity;
    if (!data_directory.empty()) {
        AGRI_ASSIGN(identity, ReadIdentity(data_directory, context.cancel));
    }
    AGRI_TRY(repo::layout::CheckClusterName(context.settings.cluster));
    AGRI_TRY(CheckPlace(repository.uri));
    if (!repository.key_uri.empty())
        AGRI_TRY(repo::CheckKeyLocation(repository.key_uri, data_directory, repository.uri));
    AGRI_ASSIGN(auto storage, storage::CreateStorage(repository.uri, data_directory));
    InitOutcome outcome;
    repo::RepositoryOptions options{repository.uri, repository.key_uri, repository.encryption_off,
                                    data_directory};
    AGRI_ASSIGN(auto opened, repo::Repository::Init(std::move(storage), options, context.random,
                                                    outcome.repository_created));
    if (data_directory.empty()) return outcome;
    AGRI_TRY(
        repo::Incarnation::Register(*opened, context.settings.cluster, identity, context.clock));
    outcome.system_identifier = identity.system_identifier;
    return outcome;
}

}  // namespace agri::engine

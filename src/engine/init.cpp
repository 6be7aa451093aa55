// The identity of a cluster comes from its pg_control, so no running server is needed.
#include "engine/init.hpp"

#include "engine/control_file.hpp"
#include "repo/repository.hpp"

namespace agri::engine {

using base::Result;

Result<InitOutcome> InitRepository(const RepositorySettings& repository,
                                   const std::string& data_directory, const Context& context) {
    repo::ClusterIdentity identity;
    if (!data_directory.empty()) {
        AGRI_ASSIGN(identity, ReadIdentity(data_directory, context.cancel));
    }
    AGRI_TRY(repo::layout::CheckClusterName(context.settings.cluster));
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

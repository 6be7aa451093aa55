#include "engine/upgrade.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "engine/control_file.hpp"
#include "engine/server_check.hpp"
#include "engine/server_role.hpp"
#include "repo/claim.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

using Incarnations = std::vector<repo::format::Incarnation>;

constexpr size_t kMaxFileBytes = 64u << 10;

// False when there is no such file.
Result<bool> Mentions(const std::string& path, std::string_view word) {
    AGRI_ASSIGN(const auto content, base::ReadFileIfPresent(path, kMaxFileBytes));
    return content && base::AsText(*content).find(word) != std::string_view::npos;
}

// It starts servers with "-b" (src/bin/pg_upgrade/server.c), and may yet go back to the old one.
Status CheckNoPgUpgrade(const std::string& data_directory) {
    AGRI_ASSIGN(const bool is_upgrading, Mentions(data_directory + "/postmaster.opts", "\"-b\""));
    if (!is_upgrading || CheckNoServer(data_directory)) return {};
    return MakeError(ErrorCode::kClusterState, "pg_upgrade is at work in \"{}\"", data_directory)
        .WithHint("Wait for its end, and run this before or after the first start of the server.");
}

Status CheckNoClone(const std::string& data_directory) {
    AGRI_ASSIGN(const bool is_clone, IsClone(data_directory));
    if (!is_clone) return {};
    return MakeError(ErrorCode::kConflict, "\"{}\" was restored as a clone", data_directory)
        .WithHint(
            "A clone does not take the place of its original. Restore with --as original for "
            "that, or give the clone a cluster name of its own.");
}

// Most likely the wrong folder. Whoever goes back after an upgrade has an identity that is known.
Status CheckNotOlder(const Incarnations& present, const repo::ClusterIdentity& identity,
                     const std::string& cluster) {
    const bool is_known = std::any_of(present.begin(), present.end(), [&](const auto& info) {
        return info.system_identifier() == identity.system_identifier;
    });
    const uint32_t major = present.back().major_version();
    if (is_known || identity.major_version >= major) return {};
    return MakeError(ErrorCode::kConflict,
                     "cluster \"{}\" is PostgreSQL {}, and the data directory of PostgreSQL {} was "
                     "never part of it",
                     cluster, major, identity.major_version)
        .WithHint("Check --data-directory. An older cluster needs a name of its own.");
}

// The one that would archive no longer.
Status CheckFormerStopped(const repo::format::WriterClaim& writer,
                          const std::string& data_directory) {
    return CheckOtherWriterStopped(
        writer, data_directory,
        "It archives as this cluster, and could not any longer. Stop it if the other data "
        "directory takes its place; if both shall run, give that one a cluster name of its own.");
}

}  // namespace

Result<UpgradeOutcome> UpgradeCluster(repo::Repository& repository,
                                      const std::string& data_directory, const Context& context) {
    const std::string& cluster = context.settings.cluster;
    AGRI_ASSIGN(const auto identity, ReadIdentity(data_directory, context.cancel));
    AGRI_ASSIGN(const repo::Incarnation before, repo::Incarnation::OpenNewest(repository, cluster));
    UpgradeOutcome outcome{before.info(), before.info(), std::nullopt};
    if (repo::IdentityOf(before.info()) != identity) {
        AGRI_ASSIGN(const Incarnations present, repo::Incarnation::List(repository, cluster));
        AGRI_TRY(CheckNotOlder(present, identity, cluster));
        AGRI_TRY(CheckNoClone(data_directory));
        AGRI_TRY(CheckNoPgUpgrade(data_directory));
        AGRI_ASSIGN(outcome.former_writer, repo::CurrentClaim(before));
        if (outcome.former_writer)
            AGRI_TRY(CheckFormerStopped(*outcome.former_writer, data_directory));
    }
    AGRI_ASSIGN(const repo::Incarnation now,
                repo::Incarnation::Upgrade(repository, cluster, identity, context.clock));
    outcome.now = now.info();
    return outcome;
}

}  // namespace agri::engine

// Clusters by name, and their incarnations: one system identifier and major version each. Records
// under rising numbers, put if absent; the highest is in force, none is ever changed.
#include <algorithm>
#include <bit>

#include "repo/catalog.hpp"
#include "repo/machine.hpp"
#include "repo/record.hpp"
#include "repo/repository.hpp"

namespace agri::repo {

namespace {

using base::ErrorCode;
using base::MakeError;

constexpr size_t kIncarnationDigits = 8;
constexpr uint64_t kMinSegmentBytes = 1u << 20;
constexpr uint64_t kMaxSegmentBytes = 1u << 30;

bool IsPossible(const ClusterIdentity& identity) {
    return identity.system_identifier != 0 && identity.major_version > 0 &&
           std::has_single_bit(identity.wal_segment_size) &&
           identity.wal_segment_size >= kMinSegmentBytes &&
           identity.wal_segment_size <= kMaxSegmentBytes;
}

base::Status CheckRecord(const format::Incarnation& info, uint64_t number, const std::string& key) {
    bool folder_is_name =
        storage::IsValidKey(info.folder()) && info.folder().find('/') == std::string::npos;
    if (info.number() == number && IsPossible(IdentityOf(info)) && folder_is_name) return {};
    return DamagedObject(key, "it describes no possible incarnation");
}

std::string Describe(const ClusterIdentity& identity) {
    return fmt::format("system identifier {}, PostgreSQL {}, WAL segments of {} MiB",
                       identity.system_identifier, identity.major_version,
                       identity.wal_segment_size >> 20);
}

base::Error OtherIdentity(const std::string& cluster, const ClusterIdentity& in_repository,
                          const ClusterIdentity& server) {
    return MakeError(ErrorCode::kConflict,
                     "cluster \"{}\" in the repository is another one: system identifier {}, this "
                     "server has {}",
                     cluster, in_repository.system_identifier, server.system_identifier)
        .WithDetail(fmt::format("The repository has {}. This server has {}.",
                                Describe(in_repository), Describe(server)))
        .WithHint(
            "After pg_upgrade or a new initdb run \"agri_backup upgrade\": earlier backups stay "
            "restorable. If this is a cluster of its own, give it another name.");
}

base::Error UnknownCluster(Repository& repository, const std::string& cluster) {
    std::string known;
    if (auto names = ListClusters(repository))
        for (const std::string& name : *names) known += (known.empty() ? "" : ", ") + name;
    return MakeError(ErrorCode::kNotFound, "cluster \"{}\" is not in {}", cluster,
                     repository.storage().Describe())
        .WithDetail(known.empty() ? "The repository holds no cluster yet."
                                  : fmt::format("The repository holds: {}.", known))
        .WithHint("Check the cluster's name, or run \"agri_backup init\" for a new one.");
}

// A folder serves one identity for good. Only pg_resetwal --wal-segsize leads to the same version
// and system identifier with another segment size.
std::string ChooseFolder(const std::vector<format::Incarnation>& present,
                         const ClusterIdentity& identity) {
    std::string folder =
        layout::IncarnationFolderName(identity.major_version, identity.system_identifier);
    for (const format::Incarnation& other : present)
        if (other.folder() == folder && other.wal_segment_size() != identity.wal_segment_size)
            return fmt::format("{}-{}", folder, identity.wal_segment_size);
    return folder;
}

// Whoever loses the race for the number is judged by what won it.
base::Status PutNext(Repository& repository, const std::string& cluster,
                     const std::vector<format::Incarnation>& present,
                     const ClusterIdentity& identity, const base::Clock& clock) {
    format::Incarnation info;
    info.set_number(present.empty() ? 1 : present.back().number() + 1);
    info.set_system_identifier(identity.system_identifier);
    info.set_major_version(identity.major_version);
    info.set_wal_segment_size(identity.wal_segment_size);
    info.set_created_us(clock.Now().time_since_epoch().count());
    info.set_created_by(HostName());
    info.set_folder(ChooseFolder(present, identity));
    AGRI_TRY(PutMessage(repository, layout::Incarnation(cluster, info.number()), info));
    return {};
}

base::Status CheckIdentity(const ClusterIdentity& identity) {
    if (IsPossible(identity)) return {};
    return MakeError(ErrorCode::kInvalidArgument, "no cluster has {}", Describe(identity));
}

}  // namespace

ClusterIdentity IdentityOf(const format::Incarnation& info) {
    return {info.system_identifier(), info.major_version(), info.wal_segment_size()};
}

Incarnation::Incarnation(Repository& repository, std::string cluster, format::Incarnation info)
    : repository_(&repository),
      cluster_(std::move(cluster)),
      info_(std::move(info)),
      keys_(cluster_, info_.folder()) {}

base::Result<Incarnation> Incarnation::Register(Repository& repository, const std::string& cluster,
                                                const ClusterIdentity& identity,
                                                const base::Clock& clock) {
    AGRI_TRY(CheckIdentity(identity));
    AGRI_ASSIGN(auto present, List(repository, cluster));
    if (present.empty()) AGRI_TRY(PutNext(repository, cluster, present, identity, clock));
    return OpenDurably(repository, cluster, identity);
}

base::Result<Incarnation> Incarnation::Upgrade(Repository& repository, const std::string& cluster,
                                               const ClusterIdentity& identity,
                                               const base::Clock& clock) {
    AGRI_TRY(CheckIdentity(identity));
    AGRI_ASSIGN(auto present, List(repository, cluster));
    if (present.empty()) return UnknownCluster(repository, cluster);
    if (IdentityOf(present.back()) != identity)
        AGRI_TRY(PutNext(repository, cluster, present, identity, clock));
    return OpenDurably(repository, cluster, identity);
}

base::Result<Incarnation> Incarnation::OpenDurably(Repository& repository,
                                                   const std::string& cluster,
                                                   const ClusterIdentity& identity) {
    AGRI_ASSIGN(Incarnation opened, Open(repository, cluster, identity));
    AGRI_TRY(
        repository.storage().EnsureDurable(layout::Incarnation(cluster, opened.info().number())));
    return opened;
}

base::Result<Incarnation> Incarnation::Open(Repository& repository, const std::string& cluster,
                                            const ClusterIdentity& identity) {
    AGRI_ASSIGN(Incarnation newest, OpenNewest(repository, cluster));
    ClusterIdentity in_repository = IdentityOf(newest.info());
    if (in_repository != identity) return OtherIdentity(cluster, in_repository, identity);
    return newest;
}

base::Result<Incarnation> Incarnation::OpenNewest(Repository& repository,
                                                  const std::string& cluster,
                                                  std::optional<uint32_t> number) {
    AGRI_ASSIGN(auto present, List(repository, cluster));
    if (present.empty()) return UnknownCluster(repository, cluster);
    if (!number) return Incarnation(repository, cluster, std::move(present.back()));
    for (format::Incarnation& info : present)
        if (info.number() == *number) return Incarnation(repository, cluster, std::move(info));
    return MakeError(ErrorCode::kNotFound, "cluster \"{}\" has no incarnation {}", cluster, *number)
        .WithHint(fmt::format("Its newest incarnation is {}.", present.back().number()));
}

base::Result<Incarnation> Incarnation::OpenKnown(Repository& repository, const std::string& cluster,
                                                 const ClusterIdentity& identity) {
    AGRI_ASSIGN(auto present, List(repository, cluster));
    if (present.empty()) return UnknownCluster(repository, cluster);
    auto known = std::find_if(present.rbegin(), present.rend(),
                              [&](const auto& info) { return IdentityOf(info) == identity; });
    if (known != present.rend()) return Incarnation(repository, cluster, std::move(*known));
    return MakeError(ErrorCode::kNotFound, "cluster \"{}\" has no incarnation with {}", cluster,
                     Describe(identity))
        .WithHint("Check the cluster's name and the repository.");
}

base::Result<Incarnation> Incarnation::OpenHolding(Repository& repository,
                                                   const std::string& cluster,
                                                   std::string_view backup_id) {
    AGRI_ASSIGN(auto present, List(repository, cluster));
    if (present.empty()) return UnknownCluster(repository, cluster);
    for (auto info = present.rbegin(); info != present.rend() && IsValidBackupId(backup_id);
         ++info) {
        const layout::IncarnationKeys keys(cluster, info->folder());
        AGRI_ASSIGN(const auto size, repository.storage().Stat(keys.Manifest(backup_id)));
        if (size) return Incarnation(repository, cluster, std::move(*info));
    }
    return Incarnation(repository, cluster, std::move(present.back()));
}

base::Result<std::vector<format::Incarnation>> Incarnation::List(Repository& repository,
                                                                 const std::string& cluster) {
    AGRI_TRY(layout::CheckClusterName(cluster));
    AGRI_ASSIGN(auto numbers, ListNumbers(repository.storage(), layout::IncarnationsFolder(cluster),
                                          kIncarnationDigits));
    std::vector<format::Incarnation> all;
    for (uint64_t number : numbers) {
        std::string key = layout::Incarnation(cluster, static_cast<uint32_t>(number));
        AGRI_ASSIGN(auto info, GetMessage<format::Incarnation>(repository, key));
        AGRI_TRY(CheckRecord(info, number, key));
        all.push_back(std::move(info));
    }
    return all;
}

base::Result<std::vector<std::string>> ListClusters(Repository& repository) {
    AGRI_ASSIGN(auto names, repository.storage().Children(layout::ClustersFolder()));
    std::erase_if(names, [](const std::string& name) { return !layout::CheckClusterName(name); });
    return names;
}

}  // namespace agri::repo

#include "engine/backup_header.hpp"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include "base/version.hpp"
#include "repo/machine.hpp"

namespace agri::engine {

namespace {

void SetCluster(const BackupFacts& facts, repo::format::ManifestHeader& header) {
    const ClusterFacts& cluster = facts.cluster;
    const wal::ControlFile& control = facts.control;
    header.set_cluster(facts.incarnation.cluster());
    header.set_incarnation(facts.incarnation.info().number());
    header.set_system_identifier(control.system_identifier);
    header.set_server_version_num(cluster.server_version_num);
    header.set_server_version(cluster.server_version);
    header.set_block_size(control.block_size_bytes);
    header.set_wal_block_size(control.wal_block_size_bytes);
    header.set_wal_segment_size(control.wal_segment_size_bytes);
    header.set_data_checksum_version(control.data_checksum_version);
    header.set_pg_control_version(control.pg_control_version);
    header.set_catalog_version(control.catalog_version);
    header.set_icu_version(cluster.icu_version);
    header.set_preload_libraries(cluster.preload_libraries);
    header.set_from_standby(cluster.in_recovery);
    for (const DatabaseName& database : cluster.databases) {
        auto* added = header.add_databases();
        added->set_oid(database.oid);
        added->set_name(database.name);
    }
}

// Where replay of the backup reads its checkpoint: "CHECKPOINT LOCATION: 0/2000060" of the label
// (build_backup_content() of src/backend/access/transam/xlogbackup.c). Invalid when it is not
// there.
base::Lsn CheckpointOf(std::string_view backup_label) {
    constexpr std::string_view kKey = "CHECKPOINT LOCATION: ";
    const size_t at = backup_label.find(kKey);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = backup_label.substr(at + kKey.size());
    return base::Lsn::Parse(rest.substr(0, rest.find('\n'))).value_or(base::Lsn{});
}

void SetMachine(repo::format::ManifestHeader& header) {
    utsname system;
    if (uname(&system) == 0) header.set_architecture(system.machine);
    header.set_glibc_version(gnu_get_libc_version());
    header.set_host(repo::HostName());
    header.set_tool_version(base::kVersion);
}

}  // namespace

repo::format::ManifestHeader MakeBackupHeader(const BackupFacts& facts) {
    repo::format::ManifestHeader header;
    header.set_format_version(repo::kManifestFormatVersion);
    header.set_backup_id(facts.backup_id);
    header.set_kind(facts.request.kind);
    header.set_label(facts.request.label);
    header.set_requested_by(facts.request.requested_by);
    SetCluster(facts, header);
    SetMachine(header);
    header.set_timeline(facts.start.timeline.value);
    header.set_start_lsn(facts.start.start_lsn.value);
    header.set_checkpoint_lsn(CheckpointOf(facts.stop.backup_label).value);
    header.set_stop_lsn(facts.stop.stop_lsn.value);
    header.set_stop_timeline(facts.stop.timeline.value);
    header.set_start_us(facts.started.time_since_epoch().count());
    header.set_stop_us(facts.stopped.time_since_epoch().count());
    header.set_backup_label(facts.stop.backup_label);
    header.set_tablespace_map(facts.stop.tablespace_map);
    header.set_digest_seed(facts.digest_seed);
    for (const WalkRoot& root : facts.plan.roots) *header.add_roots() = root.root;
    *header.mutable_statistics() = facts.statistics;
    header.set_timeline_history(facts.timeline_history);
    return header;
}

}  // namespace agri::engine

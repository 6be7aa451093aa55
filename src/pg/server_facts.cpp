// See server_facts.hpp.
#include "pg/server_facts.hpp"

#include <climits>

#include "pg/channel.hpp"
#include "pg/errors.hpp"
#include "pg/server.hpp"
#include "pg/spi.hpp"

namespace agri::pg {

namespace {

// A message holds 4 MiB; what has no name in the manifest is still copied, under its oid.
constexpr int kMaxDatabases = 20000;
constexpr int kMaxConfigFiles = 1000;

// ICU's version as this server's collations see it; empty when it has none.
constexpr char kIcuVersion[] =
    "SELECT pg_catalog.pg_collation_actual_version(oid) FROM pg_catalog.pg_collation"
    " WHERE collprovider = 'i' LIMIT 1";
// Files that configure the server, wherever they are: those that settings name, and what they
// include.
constexpr char kConfigFiles[] =
    "SELECT name, setting FROM pg_catalog.pg_settings"
    " WHERE name IN ('config_file', 'hba_file', 'ident_file') AND setting <> ''"
    " UNION ALL SELECT DISTINCT 'include', sourcefile FROM pg_catalog.pg_file_settings"
    " WHERE sourcefile <> pg_catalog.current_setting('config_file')"
    " AND sourcefile NOT LIKE '%/postgresql.auto.conf'"
#if PG_VERSION_NUM >= 160000
    " UNION ALL SELECT DISTINCT 'include', file_name FROM pg_catalog.pg_hba_file_rules"
    " WHERE file_name <> pg_catalog.current_setting('hba_file')"
    " UNION ALL SELECT DISTINCT 'include', file_name FROM pg_catalog.pg_ident_file_mappings"
    " WHERE file_name <> pg_catalog.current_setting('ident_file')"
#endif
    ;
constexpr char kDatabases[] = "SELECT oid, datname FROM pg_catalog.pg_database ORDER BY oid";

void AddIdentity(Channel* channel) {
    char folder[PATH_MAX], identifier[32];
    if (realpath(DataDir, folder) == nullptr) strlcpy(folder, DataDir, sizeof(folder));
    snprintf(identifier, sizeof(identifier), UINT64_FORMAT, GetSystemIdentifier());
    channel->Add("data_directory", folder)
        .Add("system_identifier", identifier)
        .Add("server_version_num", GetConfigOption("server_version_num", false, false))
        .Add("server_version", GetConfigOption("server_version", false, false))
        .Add("block_size", static_cast<long long>(BLCKSZ))
        .Add("wal_segment_size", static_cast<long long>(wal_segment_size))
        .Add("in_recovery", RecoveryInProgress() ? "on" : "off")
        .Add("data_checksums", DataChecksumsEnabled() ? "on" : "off")
        .Add("preload_libraries", GetConfigOption("shared_preload_libraries", false, false));
}

}  // namespace

void AddServerFacts(Channel* channel) {
    channel->Begin("FACTS");
    AddIdentity(channel);
    channel->Add("icu_version", QueryValue(kIcuVersion, {}));
    int files = Min(QueryRows(kConfigFiles, {}), kMaxConfigFiles);
    for (int row = 0; row < files; ++row)
        channel->Add("config_setting", RowValue(row, 1))
            .Add("config_path", ToUtf8(RowValue(row, 2)));
    int databases = Min(QueryRows(kDatabases, {}), kMaxDatabases);
    for (int row = 0; row < databases; ++row)
        channel->Add("database_oid", RowValue(row, 1))
            .Add("database_name", ToUtf8(RowValue(row, 2)));
}

}  // namespace agri::pg

// The engine's view of a running PostgreSQL server: start a backup, stop it, say what it is. The job
// process implements it by asking its session worker over the control socket; tests implement it too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/lsn.hpp"

namespace agri::engine {

struct ConfigFile {
    std::string setting;  // "config_file", "hba_file", "ident_file", "include"
    std::string path;     // absolute
};

struct DatabaseName {
    uint32_t oid = 0;
    std::string name;
};

struct ClusterFacts {
    std::string data_directory;      // absolute, symbolic links resolved
    uint64_t system_identifier = 0;
    uint32_t server_version_num = 0;  // 150020
    std::string server_version;
    uint32_t block_size = 8192;
    uint64_t wal_segment_size = 0;
    bool in_recovery = false;
    bool data_checksums = false;
    std::string preload_libraries;
    std::string icu_version;
    std::vector<ConfigFile> config_files;
    std::vector<DatabaseName> databases;
};

struct BackupStart {
    base::Lsn start_lsn;
    base::TimelineId timeline;
};

struct BackupStop {
    base::Lsn stop_lsn;
    base::TimelineId timeline;
    std::string backup_label;    // to be stored as the file of that name
    std::string tablespace_map;  // empty: write no such file
};

// Calls block until the server answered, failed or the job was cancelled.
class ClusterPort {
   public:
    virtual ~ClusterPort() = default;
    virtual base::Result<ClusterFacts> Facts() = 0;
    // pg_backup_start(label, fast => true): waits for its checkpoint.
    virtual base::Result<BackupStart> StartBackup(const std::string& label) = 0;
    // pg_backup_stop(wait_for_archive => false).
    virtual base::Result<BackupStop> StopBackup() = 0;
    // "database.schema.table" for a relation file (path relative to its root), empty when unknown.
    virtual std::string RelationName(uint32_t database_oid, uint32_t tablespace_oid,
                                     uint32_t file_number) = 0;
};

}  // namespace agri::engine

// What a base backup leaves out, by name: the lists and rules of sendDir() in PostgreSQL's
// src/backend/backup/basebackup.c (15: src/backend/replication/basebackup.c), which are the same in
// 15 to 18, and our own runtime folder. Like there, names count at any depth of the data directory
// and of tablespaces.
#pragma once

#include <string_view>
#include <vector>

#include "engine/relation_file.hpp"

namespace agri::engine {

// Files and folders of which nothing is kept: postmaster.pid, pg_internal.init*, pgsql_tmp* …
// backup_label, tablespace_map and backup_manifest belong to another backup when they are there.
bool IsExcludedName(std::string_view name);

// Folders that are kept, empty: pg_replslot, pg_notify … (pg_wal follows rules of its own).
bool IsContentExcluded(std::string_view folder_name);

// Leaves out temporary relations, and the forks of unlogged ones but for their _init, in one
// database's folder. Learns every name of the folder first, then Seal(), then answers.
class RelationFilter {
   public:
    void Learn(std::string_view name);
    void Seal();
    bool IsExcluded(std::string_view name) const;

   private:
    std::vector<uint32_t> unlogged_;  // relations with an _init fork
};

// Whether a folder (path relative to its root) holds a database's relations: base/<oid>, or
// PG_…/<oid> in a tablespace, which in the data directory itself stands below pg_tblspc/<oid>.
bool IsDatabaseFolder(std::string_view path);

}  // namespace agri::engine

// The table of names that PostgreSQL's own base backup leaves out.
#include "engine/exclusions.hpp"

#include <gtest/gtest.h>

namespace agri::engine {
namespace {

TEST(Exclusions, Names_AsPostgreSQL) {
    for (const char* name :
         {"postgresql.auto.conf.tmp", "current_logfiles.tmp", "pg_internal.init",
          "pg_internal.init.4711", "backup_label", "tablespace_map", "backup_manifest",
          "postmaster.pid", "postmaster.opts", "pgsql_tmp", "pgsql_tmp4711.0"})
        EXPECT_TRUE(IsExcludedName(name)) << name;
    for (const char* name :
         {"postgresql.auto.conf", "current_logfiles", "PG_VERSION", "pg_control",
          "backup_label.old", "backup_label2", "pg_filenode.map", "postmaster.pid2", "xpgsql_tmp"})
        EXPECT_FALSE(IsExcludedName(name)) << name;
}

TEST(Exclusions, EmptiedFolders_AsPostgreSQL) {
    for (const char* name : {"pg_stat_tmp", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial",
                             "pg_snapshots", "pg_subtrans"})
        EXPECT_TRUE(IsContentExcluded(name)) << name;
    for (const char* name : {"pg_xact", "pg_stat", "pg_logical", "pg_twophase", "base"})
        EXPECT_FALSE(IsContentExcluded(name)) << name;
}

TEST(Exclusions, TemporaryRelations_Recognised) {
    for (const char* name : {"t3_16384", "t123_16384_fsm", "t3_16384.1", "t3_16384_vm.2"})
        EXPECT_TRUE(IsTemporaryRelationName(name)) << name;
    for (const char* name : {"16384", "t_16384", "t3_", "t3", "t3_16384x", "t3_16384_foo", "table"})
        EXPECT_FALSE(IsTemporaryRelationName(name)) << name;
}

TEST(Exclusions, UnloggedRelations_KeepOnlyTheirInitFork) {
    RelationFilter filter;
    for (const char* name : {"16384", "16384_init", "16384_fsm", "16384.1", "16385", "t3_16390"})
        filter.Learn(name);
    filter.Seal();
    for (const char* name : {"16384", "16384_fsm", "16384_vm", "16384.1", "t3_16390"})
        EXPECT_TRUE(filter.IsExcluded(name)) << name;
    for (const char* name : {"16384_init", "16384_init.1", "16385", "163840", "PG_VERSION"})
        EXPECT_FALSE(filter.IsExcluded(name)) << name;
}

TEST(Exclusions, DatabaseFolders_Recognised) {
    for (const char* path : {"base/5", "PG_15_202209061/5", "pg_tblspc/16390/PG_15_202209061/5"})
        EXPECT_TRUE(IsDatabaseFolder(path)) << path;
    for (const char* path : {"base", "global", "base/pgsql_tmp", "other/5", "base/5/6", ""})
        EXPECT_FALSE(IsDatabaseFolder(path)) << path;
}

TEST(RelationFileName, Names_Parsed) {
    const auto file = RelationFileName::Parse("16384_vm.3");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->number, 16384u);
    EXPECT_EQ(file->fork, wal::Fork::kVisibilityMap);
    EXPECT_EQ(file->segment, 3u);
    for (const char* name : {"", "x", "16384_", "16384.", "16384.x", "99999999999", "16384_vmx"})
        EXPECT_FALSE(RelationFileName::Parse(name)) << name;
}

}  // namespace
}  // namespace agri::engine

#include "engine/exclusions.hpp"

#include <algorithm>
#include <array>

namespace agri::engine {

namespace {

constexpr std::array<std::string_view, 7> kExcludedNames = {
    "postgresql.auto.conf.tmp", "current_logfiles.tmp", "backup_label",   "tablespace_map",
    "backup_manifest",          "postmaster.pid",       "postmaster.opts"};

constexpr std::array<std::string_view, 2> kExcludedPrefixes = {"pg_internal.init", "pgsql_tmp"};

constexpr std::array<std::string_view, 7> kContentExcluded = {
    "pg_stat_tmp", "pg_replslot",  "pg_dynshmem", "pg_notify",
    "pg_serial",   "pg_snapshots", "pg_subtrans"};

}  // namespace

bool IsExcludedName(std::string_view name) {
    for (std::string_view prefix : kExcludedPrefixes)
        if (name.starts_with(prefix)) return true;
    return std::find(kExcludedNames.begin(), kExcludedNames.end(), name) != kExcludedNames.end();
}

bool IsContentExcluded(std::string_view folder_name) {
    return std::find(kContentExcluded.begin(), kContentExcluded.end(), folder_name) !=
           kContentExcluded.end();
}

void RelationFilter::Learn(std::string_view name) {
    if (!name.ends_with("_init")) return;
    std::optional<RelationFileName> parsed = RelationFileName::Parse(name);
    if (parsed) unlogged_.push_back(parsed->number);
}

void RelationFilter::Seal() { std::sort(unlogged_.begin(), unlogged_.end()); }

bool RelationFilter::IsExcluded(std::string_view name) const {
    if (IsTemporaryRelationName(name)) return true;
    if (unlogged_.empty()) return false;
    std::optional<RelationFileName> parsed = RelationFileName::Parse(name);
    if (!parsed || parsed->fork == wal::Fork::kInit) return false;
    return std::binary_search(unlogged_.begin(), unlogged_.end(), parsed->number);
}

bool IsDatabaseFolder(std::string_view path) {
    size_t slash = path.rfind('/');
    if (slash == std::string_view::npos || !ParseOid(path.substr(slash + 1))) return false;
    std::string_view parent = path.substr(0, slash);
    if (parent == "base") return true;
    size_t name = parent.rfind('/');
    parent = name == std::string_view::npos ? parent : parent.substr(name + 1);
    return parent.starts_with("PG_");
}

}  // namespace agri::engine

// Names of relation files, as PostgreSQL gives them: "16384", "16384_vm", "16384.2", and those of
// temporary relations, "t3_16384". The grammar is parse_filename_for_nontemp_relation() of
// src/backend/storage/file/reinit.c and looks_like_temp_rel_name() of
// src/backend/storage/file/fd.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "wal/record.hpp"

namespace agri::engine {

struct RelationFileName {
    uint32_t number = 0;  // relfilenode
    wal::Fork fork = wal::Fork::kMain;
    uint32_t segment = 0;

    static std::optional<RelationFileName> Parse(std::string_view name);
};

// Whether the file belongs to some session's temporary relation.
bool IsTemporaryRelationName(std::string_view name);

// "5" but not "", "x" or "5x": the name of a database's folder.
std::optional<uint32_t> ParseOid(std::string_view text);

}  // namespace agri::engine

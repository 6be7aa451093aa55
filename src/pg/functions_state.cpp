// The cached state files as jsonb: what the views of the repository are made of. Nothing here acts,
// and it works on a standby, without the repository, without the preload and in any database.
#include <cctype>

#include "pg/errors.hpp"
#include "pg/files.hpp"
#include "pg/server.hpp"
#include "pg/sql_version.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
}

namespace agri::pg {

namespace {

constexpr size_t kMaxStateBytes = 64u << 20;

// "archiving", "repository" and "jobs/NAME" have a file; a name must not lead elsewhere.
bool IsStateName(const char* name) {
    if (strcmp(name, "archiving") == 0 || strcmp(name, "repository") == 0) return true;
    if (strncmp(name, "jobs/", 5) != 0 || name[5] == '\0' || strlen(name) >= NAMEDATALEN)
        return false;
    for (const char* c = name + 5; *c != '\0'; ++c)
        if (!isalnum(static_cast<unsigned char>(*c)) && *c != '-') return false;
    return true;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(AgriState);
PGDLLEXPORT Datum AgriState(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 1);
    char* name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (!IsStateName(name))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("unrecognized state: \"%s\"", name),
                        errhint("Use \"archiving\", \"repository\" or \"jobs/NAME\".")));
    bool is_job = strncmp(name, "jobs/", 5) == 0;
    char* text =
        ReadRuntimeFile(psprintf("%s%s.json", is_job ? "" : "state/", name), kMaxStateBytes);
    if (text == nullptr) PG_RETURN_NULL();
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(FromUtf8(text)));
}

}  // extern "C"

}  // namespace agri::pg

#include "pg/sql_version.hpp"

#include "base/version.hpp"

namespace agri::pg {

namespace {

// A newer shape has more of either: they are only ever added (docs/architecture.md, "Versions").
void RequireShape(int in_sql, int expected) {
    if (in_sql == expected) return;
    bool sql_is_behind = in_sql < expected;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("this database has the SQL objects of %s version of agri_backup than the "
                    "server's library, %s",
                    sql_is_behind ? "an older" : "a newer", base::kVersion),
             errhint("%s", sql_is_behind ? "Run ALTER EXTENSION agri_backup UPDATE."
                                         : "Restart the server: it runs the older library.")));
}

}  // namespace

void RequireArguments(FunctionCallInfo fcinfo, int expected) { RequireShape(PG_NARGS(), expected); }

void RequireColumns(int in_sql, int expected) { RequireShape(in_sql, expected); }

}  // namespace agri::pg

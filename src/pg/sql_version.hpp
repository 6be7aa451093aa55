// The SQL objects in a database are of the version that CREATE or ALTER EXTENSION left there; the
// library is of the one that the server started with. A function whose shape differs between
// the two says which of them is behind, instead of reading what is not there.
#pragma once

#include "pg/server.hpp"

namespace agri::pg {

// Every SQL function that takes arguments begins with this.
void RequireArguments(FunctionCallInfo fcinfo, int expected);
// For the columns that a function returns.
void RequireColumns(int in_sql, int expected);

}  // namespace agri::pg

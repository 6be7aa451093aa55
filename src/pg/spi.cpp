// See spi.hpp.
#include "pg/spi.hpp"

#include "pg/errors.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
}

namespace agri::pg {

namespace {

constexpr int kMaxParameters = 4;

void Begin() {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
    PushActiveSnapshot(GetTransactionSnapshot());
}

void Commit() {
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    pgstat_report_stat(true);
}

}  // namespace

bool IsTransactionalProcess() { return OidIsValid(MyDatabaseId); }

bool RunInTransaction(void (*work)(Channel*), Channel* channel, Failure* failure) {
    MemoryContext context = CurrentMemoryContext;
    volatile bool succeeded = false;
    PG_TRY();
    {
        Begin();
        work(channel);
        Commit();
        succeeded = true;
    }
    PG_CATCH();
    {
        HOLD_INTERRUPTS();
        TakeCaughtError(failure, context);
        AbortCurrentTransaction();
        RESUME_INTERRUPTS();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    return succeeded;
}

int QueryRows(const char* sql, std::initializer_list<const char*> parameters) {
    Oid types[kMaxParameters];
    Datum values[kMaxParameters];
    int count = 0;
    for (const char* parameter : parameters) {
        types[count] = TEXTOID;
        values[count++] = CStringGetTextDatum(parameter);
    }
    int code = SPI_execute_with_args(sql, count, types, values, nullptr, false, 0);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "unexpected result of a query: %s", SPI_result_code_string(code));
    return static_cast<int>(SPI_processed);
}

char* RowValue(int row, int column) {
    char* value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
    return value != nullptr ? value : pstrdup("");
}

char* QueryValue(const char* sql, std::initializer_list<const char*> parameters) {
    return QueryRows(sql, parameters) > 0 ? RowValue(0, 1) : pstrdup("");
}

}  // namespace agri::pg

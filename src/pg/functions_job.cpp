// agri_init(), agri_refresh() and agri_verify(): each runs a job to its end and hands out its
// result.
#include "pg/errors.hpp"
#include "pg/files.hpp"
#include "pg/job_request.hpp"
#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "pg/sql_version.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace agri::pg {

namespace {

constexpr size_t kMaxRowsBytes = 64u << 20;

void CheckLevel(const char* level) {
    if (strcmp(level, "objects") == 0 || strcmp(level, "contents") == 0) return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("unrecognized level of verification: \"%s\"", level),
             errhint("Use \"objects\" (everything is there) or \"contents\" (and authentic).")));
}

constexpr int kRowColumns = 5;
constexpr char kRows[] =
    "SELECT * FROM pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)"
    " AS r(backup_id text, object text, severity text, problem text, hint text)";

// Hands the rows of a job to the caller. No rows mean "sound", so a file that is not what the job
// said it wrote must be an error. Nobody else reads the file.
void ReturnRows(FunctionCallInfo fcinfo, const Job& job) {
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    RequireColumns(result->setDesc->natts, kRowColumns);
    char name[MAXPGPATH];
    snprintf(name, sizeof(name), "jobs/%s.rows.json", job.name);
    char* text = ReadRuntimeFile(name, kMaxRowsBytes);
    RemoveRuntimeFile(name);
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
    int rows = QueryRows(kRows, {text != nullptr ? FromUtf8(text) : "[]"});
    if (rows != job.rows)
        ereport(
            ERROR,
            (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the findings of the job are incomplete"),
             errdetail("It reported " INT64_FORMAT " findings; %d could be read.", job.rows, rows),
             errhint("Run agri_verify() again.")));
    for (int row = 0; row < rows; ++row)
        tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
    SPI_finish();
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(AgriInit);
PGDLLEXPORT Datum AgriInit(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    RequireService();
    Job job = RunToEnd(MakeRequest(JobKind::kInit));
    PG_RETURN_TEXT_P(cstring_to_text(FromUtf8(job.message)));
}

PG_FUNCTION_INFO_V1(AgriRefresh);
PGDLLEXPORT Datum AgriRefresh(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    RequireService();
    (void)RunToEnd(MakeRequest(JobKind::kRefresh));
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(AgriVerify);
PGDLLEXPORT Datum AgriVerify(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 2);
    char* level = PG_ARGISNULL(1) ? pstrdup("contents") : text_to_cstring(PG_GETARG_TEXT_PP(1));
    CheckLevel(level);
    RequireService();
    InitMaterializedSRF(fcinfo, 0);
    JobRequest request = MakeRequest(JobKind::kVerify);
    if (!PG_ARGISNULL(0))
        text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), request.backup, sizeof(request.backup));
    strlcpy(request.level, level, sizeof(request.level));
    ReturnRows(fcinfo, RunToEnd(request));
    PG_RETURN_NULL();
}

}  // extern "C"

}  // namespace agri::pg

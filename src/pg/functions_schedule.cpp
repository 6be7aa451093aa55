// agri_schedule(), agri_unschedule(), agri_pause() and agri_resume(), and when a schedule is due.
// Whoever may execute them needs no right to the table: they write to it as its owner.
#include "pg/errors.hpp"
#include "pg/job_request.hpp"
#include "pg/schedule_time.hpp"
#include "pg/scheduler.hpp"
#include "pg/settings.hpp"
#include "pg/sql_version.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace agri::pg {

namespace {

// Calendar computing is exact between these.
constexpr pg_time_t kYear1 = INT64CONST(-62135596800);
constexpr pg_time_t kYear10000 = INT64CONST(253402300800);
constexpr char kUpsert[] =
    "INSERT INTO agri_backup.schedule AS s"
    " (name, expression, time_zone, kind, run_on, label, requested_by, since)"
    " VALUES ($1, $2, $3, $4, $5, $6, session_user, $7)"
    " ON CONFLICT (name) DO UPDATE SET expression = excluded.expression,"
    " time_zone = excluded.time_zone, kind = excluded.kind, run_on = excluded.run_on,"
    " label = excluded.label, requested_by = excluded.requested_by,"
    " since = CASE WHEN (s.expression, s.time_zone) = (excluded.expression, excluded.time_zone)"
    " THEN s.since ELSE excluded.since END RETURNING paused";
constexpr char kDelete[] = "DELETE FROM agri_backup.schedule WHERE name = $1";
constexpr char kPause[] = "UPDATE agri_backup.schedule SET paused = true WHERE name = $1";
// What came due while it was paused is not caught up.
constexpr char kResume[] =
    "UPDATE agri_backup.schedule SET since = CASE WHEN paused THEN $2 ELSE since END,"
    " paused = false WHERE name = $1";

void CheckName(const char* name) {
    const char* const first = "abcdefghijklmnopqrstuvwxyz0123456789";
    const char* const others = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(name);
    if (length > 0 && length < NAMEDATALEN && strchr(first, name[0]) != nullptr &&
        strspn(name, others) == length)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_NAME), errmsg("invalid name of a schedule: \"%s\"", name),
             errhint("A name has 1 to 63 characters of a-z, 0-9, \"_\" and \"-\", and begins "
                     "with a letter or a digit.")));
}

void CheckRunOn(const char* run_on) {
    if (strcmp(run_on, "primary") == 0 || strcmp(run_on, "standby") == 0 ||
        strcmp(run_on, "prefer_standby") == 0)
        return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("unrecognized value of run_on: \"%s\"", run_on),
                    errhint("Use \"primary\", \"standby\" or \"prefer_standby\".")));
}

// "+02" and "UTC+2" are POSIX's, and lie west of Greenwich: hardly what was meant. The session's
// own zone, which may be written like that, is what the session shows.
void CheckZoneName(const char* zone) {
    const char* sign = strpbrk(zone, "+-");
    const bool has_offset = sign != nullptr && isdigit(static_cast<unsigned char>(sign[1]));
    if (strchr(zone, '/') != nullptr || !has_offset) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("time zone \"%s\" is an offset", zone),
                    errdetail("Such a zone follows no daylight saving time, and its sign is read "
                              "against the usual sense."),
                    errhint("Use a name of pg_timezone_names, such as 'Europe/Vienna'.")));
}

void RequirePrimary() {
    RequireService();
    if (!RecoveryInProgress()) return;
    ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                    errmsg("schedules cannot be changed on a standby"),
                    errhint("Change them on the primary; they reach its standbys with the WAL.")));
}

// Found by its name without the rights of whoever asks.
Oid OwnerOfTable() {
    Oid table = get_relname_relid("schedule", get_namespace_oid("agri_backup", false));
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "agri_backup.schedule is missing");
    Oid owner = (reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple)))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

void LookAfterCommit(XactEvent event, void* /*argument*/) {
    if (event == XACT_EVENT_COMMIT) LookAtSchedules();
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
        UnregisterXactCallback(LookAfterCommit, nullptr);
}

// Executes with the rights of the table's owner; returns how many rows it changed, and in
// `returned` what the statement returns of the first. Within an error the rights come back with the
// transaction's or subtransaction's end.
uint64 Change(const char* sql, int count, Oid* types, Datum* values, const char* nulls,
              bool* returned = nullptr) {
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
    SetUserIdAndSecContext(OwnerOfTable(), context | SECURITY_LOCAL_USERID_CHANGE);
    int code = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
    SetUserIdAndSecContext(user, context);
    if (code < 0) elog(ERROR, "could not change schedules: %s", SPI_result_code_string(code));
    uint64 changed = SPI_processed;
    bool is_null = false;
    if (returned != nullptr)
        *returned =
            DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
    SPI_finish();
    UnregisterXactCallback(LookAfterCommit, nullptr);
    RegisterXactCallback(LookAfterCommit, nullptr);
    return changed;
}

uint64 ChangeNamed(const char* sql, text* name) {
    Oid types[] = {TEXTOID, TIMESTAMPTZOID};
    Datum values[] = {PointerGetDatum(name), TimestampTzGetDatum(ScheduleClock())};
    return Change(sql, strstr(sql, "$2") != nullptr ? 2 : 1, types, values, nullptr);
}

void RequireChanged(uint64 changed, text* name) {
    if (changed > 0) return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("there is no schedule \"%s\"", text_to_cstring(name)),
                    errhint("agri_backup.schedules shows those that there are.")));
}

Datum NextTimestamp(const ScheduleTimes& times, TimestampTz after, bool* is_null) {
    pg_time_t next = 0;
    *is_null = TIMESTAMP_NOT_FINITE(after) || timestamptz_to_time_t(after) < kYear1 ||
               timestamptz_to_time_t(after) >= kYear10000 ||
               !NextTime(times, timestamptz_to_time_t(after), &next);
    return *is_null ? Datum{0} : TimestampTzGetDatum(time_t_to_timestamptz(next));
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(AgriSchedule);
PGDLLEXPORT Datum AgriSchedule(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 6);
    for (int i = 0; i < 4; ++i)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("name, expression, kind and run_on must not be null")));
    CheckName(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    const char* expression = text_to_cstring(PG_GETARG_TEXT_PP(1));
    CheckBackupKind(text_to_cstring(PG_GETARG_TEXT_PP(2)));
    CheckRunOn(text_to_cstring(PG_GETARG_TEXT_PP(3)));
    const char* zone = PG_ARGISNULL(4) ? pg_get_timezone_name(session_timezone)
                                       : text_to_cstring(PG_GETARG_TEXT_PP(4));
    if (!PG_ARGISNULL(4)) CheckZoneName(zone);
    if (!PG_ARGISNULL(5)) CheckLabel(ToUtf8(text_to_cstring(PG_GETARG_TEXT_PP(5))));
    RequirePrimary();
    const ScheduleTimes times = ParseTimes(expression, zone);
    TimestampTz now = ScheduleClock();
    bool is_never = false;
    Datum next = NextTimestamp(times, now, &is_never);
    if (is_never)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("schedule \"%s\" is never due", expression),
                        errdetail("No day has that month and day.")));
    Oid types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
    Datum values[] = {PG_GETARG_DATUM(0),      PG_GETARG_DATUM(1), CStringGetTextDatum(zone),
                      PG_GETARG_DATUM(2),      PG_GETARG_DATUM(3), PG_GETARG_DATUM(5),
                      TimestampTzGetDatum(now)};
    const char nulls[] = {' ', ' ', ' ', ' ', ' ', PG_ARGISNULL(5) ? 'n' : ' ', ' ', '\0'};
    bool is_paused = false;
    (void)Change(kUpsert, 7, types, values, nulls, &is_paused);
    if (FindObstacle().kind == Obstacle::Kind::kClone)
        ereport(NOTICE, (errmsg("this server was restored as a clone: it runs no schedules"),
                         errhint("They run once \"agri_backup adopt\" has made it the server that "
                                 "writes.")));
    if (!is_paused) PG_RETURN_DATUM(next);
    char* name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    ereport(NOTICE, (errmsg("schedule \"%s\" is paused", name),
                     errhint("SELECT agri_resume('%s') lets it run.", name)));
    PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(AgriUnschedule);
PGDLLEXPORT Datum AgriUnschedule(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 1);
    RequirePrimary();
    PG_RETURN_BOOL(ChangeNamed(kDelete, PG_GETARG_TEXT_PP(0)) > 0);
}

PG_FUNCTION_INFO_V1(AgriPause);
PGDLLEXPORT Datum AgriPause(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 1);
    RequirePrimary();
    RequireChanged(ChangeNamed(kPause, PG_GETARG_TEXT_PP(0)), PG_GETARG_TEXT_PP(0));
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(AgriResume);
PGDLLEXPORT Datum AgriResume(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 1);
    RequirePrimary();
    RequireChanged(ChangeNamed(kResume, PG_GETARG_TEXT_PP(0)), PG_GETARG_TEXT_PP(0));
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(AgriNextRun);
PGDLLEXPORT Datum AgriNextRun(PG_FUNCTION_ARGS) {
    RequireArguments(fcinfo, 3);
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
    const ScheduleTimes times =
        ParseTimes(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)));
    bool is_null = false;
    Datum next = NextTimestamp(times, PG_ARGISNULL(2) ? ScheduleClock() : PG_GETARG_TIMESTAMPTZ(2),
                               &is_null);
    if (is_null) PG_RETURN_NULL();
    PG_RETURN_DATUM(next);
}

}  // extern "C"

}  // namespace agri::pg

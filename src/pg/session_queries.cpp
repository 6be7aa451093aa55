// See session_queries.hpp. PostgreSQL's SQL functions are the same on 15 to 18, where their C
// functions are not.
#include "pg/session_queries.hpp"

#include "pg/channel.hpp"
#include "pg/errors.hpp"
#include "pg/server_facts.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "commands/dbcommands.h"
}

namespace agri::pg {

namespace {

// The timeline of a backup's start is that of the checkpoint it starts from; on a standby its stop
// is on the timeline of the minimum recovery point, as do_pg_backup_stop() has it.
constexpr char kStart[] = "SELECT pg_catalog.pg_backup_start($1, true)";
constexpr char kStartTimeline[] = "SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()";
constexpr char kStop[] =
    "SELECT lsn, labelfile, spcmapfile FROM pg_catalog.pg_backup_stop(wait_for_archive => false)";
constexpr char kStopTimeline[] =
    "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN r.min_recovery_end_timeline"
    " ELSE c.timeline_id END"
    " FROM pg_catalog.pg_control_recovery() r, pg_catalog.pg_control_checkpoint() c";
constexpr char kRelation[] =
    "SELECT pg_catalog.concat_ws('.',"
    " CASE WHEN NOT c.relisshared THEN pg_catalog.current_database() END, n.nspname, c.relname)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = pg_catalog.pg_filenode_relation($1::oid, $2::oid)";

using Answer = void (*)(Channel*);

void AnswerStart(Channel* channel) {
    char* label = FromUtf8(channel->Get("label"));
    char* lsn = QueryValue(kStart, {label});
    channel->Begin("BACKUP_STARTED")
        .Add("lsn", lsn)
        .Add("timeline", QueryValue(kStartTimeline, {}));
}

void AnswerStop(Channel* channel) {
    QueryRows(kStop, {});
    char* lsn = RowValue(0, 1);
    char* label = RowValue(0, 2);
    char* map = RowValue(0, 3);
    channel->Begin("BACKUP_STOPPED")
        .Add("lsn", lsn)
        .Add("backup_label", label)
        .Add("tablespace_map", map)
        .Add("timeline", QueryValue(kStopTimeline, {}));
}

// By its name where that can be known: in this connection's database, and shared catalogs.
void AnswerRelation(Channel* channel) {
    Oid database = static_cast<Oid>(strtoul(channel->Get("database"), nullptr, 10));
    char* tablespace = pstrdup(channel->Get("tablespace"));
    char* file = pstrdup(channel->Get("file"));
    char* name = pstrdup("");
    if (database == MyDatabaseId || !OidIsValid(database))
        name = QueryValue(kRelation, {tablespace, file});
    if (name[0] == '\0') {
        char* database_name = OidIsValid(database) ? get_database_name(database) : nullptr;
        name = database_name != nullptr ? psprintf("%s/%s", ToUtf8(database_name), file)
                                        : psprintf("%u/%s", database, file);
    } else {
        name = ToUtf8(name);
    }
    channel->Begin("RELATION").Add("name", name);
}

Answer AnswerTo(const Channel& channel) {
    if (channel.Is("FACTS")) return AddServerFacts;
    if (channel.Is("START_BACKUP")) return AnswerStart;
    if (channel.Is("STOP_BACKUP")) return AnswerStop;
    if (channel.Is("RELATION")) return AnswerRelation;
    return nullptr;
}

void Override(const char* name, const char* value) {
    SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

}  // namespace

void ConnectForQueries(const char* activity) {
    BackgroundWorkerInitializeConnection(settings.database, nullptr, 0);
    Override("search_path", "pg_catalog, pg_temp");
    Override("default_transaction_isolation", "read committed");
    Override("statement_timeout", "0");
    Override("lock_timeout", "0");
#if PG_VERSION_NUM >= 170000
    Override("transaction_timeout", "0");
#endif
    pgstat_report_appname("agri_backup");
    pgstat_report_activity(STATE_RUNNING, activity);
}

void AnswerQuery(Channel* channel) {
    Answer answer = AnswerTo(*channel);
    Failure failure = {};
    bool answered = false;
    if (answer == nullptr)
        SetFailure(&failure, "protocol", "unexpected message of the job process", channel->Verb());
    else if (!IsTransactionalProcess())
        SetFailure(&failure, "protocol", "this job has no database connection", channel->Verb());
    else
        answered = RunInTransaction(answer, channel, &failure);
    if (!answered)
        channel->Begin("FAILED")
            .Add("code", failure.code)
            .Add("message", failure.message)
            .Add("detail", failure.detail)
            .Add("hint", failure.hint);
    channel->End();
}

}  // namespace agri::pg

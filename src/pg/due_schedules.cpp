// See due_schedules.hpp. Of several times that were missed the last is run, and only that.
#include "pg/due_schedules.hpp"

#include "pg/errors.hpp"
#include "pg/job_request.hpp"
#include "pg/schedule_time.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"

namespace agri::pg {

namespace {

constexpr long kMinuteMs = 60000;
// Nothing tells a standby that a schedule was changed on the primary; a primary is told.
constexpr long kIdleMs = 600000;
// How long a standby has the first right to a schedule that prefers one.
constexpr pg_time_t kStandbyFirstSeconds = 300;
// A run of another server is asked about when what is known of it is older.
constexpr pg_time_t kAskAgainSeconds = 300;

// Somebody else could have made a schema and a table of these names.
constexpr char kIsInstalled[] =
    "SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
    " WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'"
    " AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.extname = 'agri_backup'"
    " AND d.objid = pg_catalog.to_regclass('agri_backup.schedule')";
constexpr char kSchedules[] =
    "SELECT s.name, s.expression, s.time_zone, s.kind, s.run_on, coalesce(s.label, ''),"
    " s.requested_by, floor(extract(epoch FROM s.since))::bigint, coalesce(r.state, ''),"
    " coalesce(floor(extract(epoch FROM r.scheduled_time))::bigint, 0),"
    " coalesce(floor(extract(epoch FROM (c.state->>'as_of')::timestamptz))::bigint, 0)"
    " FROM agri_backup.schedule s CROSS JOIN agri_backup.state('repository') AS c(state)"
    " LEFT JOIN LATERAL jsonb_to_recordset(c.state->'schedules')"
    " AS r(schedule text, state text, scheduled_time timestamptz) ON r.schedule = s.name"
    " WHERE NOT s.paused ORDER BY s.name";
constexpr char kStandbys[] =
    "SELECT count(*) FROM pg_catalog.pg_stat_replication WHERE state = 'streaming'";

struct Schedule {
    char *name, *expression, *time_zone, *kind, *run_on, *label, *requested_by;
    pg_time_t since;
    char* last_state;  // "" when it never ran
    pg_time_t last_time;
    pg_time_t known_at;  // when the last run was read from the repository
};

pg_time_t Seconds(int row, int column) { return strtoll(RowValue(row, column), nullptr, 10); }

Schedule ReadSchedule(int row) {
    return {RowValue(row, 1), RowValue(row, 2), RowValue(row, 3), RowValue(row, 4),
            RowValue(row, 5), RowValue(row, 6), RowValue(row, 7), Seconds(row, 8),
            RowValue(row, 9), Seconds(row, 10), Seconds(row, 11)};
}

bool IsState(const Schedule& schedule, const char* state) {
    return strcmp(schedule.last_state, state) == 0;
}

// A time of a clock that was far ahead must not keep the schedule from running until it comes.
pg_time_t Credible(pg_time_t time, pg_time_t now) { return time > now + SECS_PER_DAY ? 0 : time; }

// Whether a time of the schedule waits to be run, here or on another server.
bool FindDue(const Schedule& schedule, const ScheduleTimes& times, pg_time_t now, pg_time_t* due) {
    bool is_unfinished = IsState(schedule, "running") || IsState(schedule, "interrupted") ||
                         IsState(schedule, "deferred");
    const pg_time_t since = Credible(schedule.since, now);
    const pg_time_t last = Credible(schedule.last_time, now);
    if (LatestTime(times, Max(since, last), now, due)) return true;
    *due = last;
    return is_unfinished && last >= since && last != 0;
}

bool IsForThisServer(const Schedule& schedule, pg_time_t due, pg_time_t now, bool has_standby) {
    if (strcmp(schedule.run_on, "standby") == 0) return RecoveryInProgress();
    if (strcmp(schedule.run_on, "primary") == 0) return !RecoveryInProgress();
    return RecoveryInProgress() || !has_standby || now - due >= kStandbyFirstSeconds;
}

bool IsKnownLately(const Schedule& schedule) {
    return timestamptz_to_time_t(GetCurrentTimestamp()) - schedule.known_at < kAskAgainSeconds;
}

JobRequest RequestFor(const Schedule& schedule, pg_time_t due, pg_time_t now) {
    JobRequest request = {};
    request.kind = JobKind::kBackup;
    request.requester_pid = MyProcPid;
    strlcpy(request.backup_kind, schedule.kind, sizeof(request.backup_kind));
    strlcpy(request.requested_by, ToUtf8(schedule.requested_by), sizeof(request.requested_by));
    strlcpy(
        request.label,
        schedule.label[0] != '\0' ? ToUtf8(schedule.label) : psprintf("schedule %s", schedule.name),
        sizeof(request.label));
    strlcpy(request.schedule, schedule.name, sizeof(request.schedule));
    request.scheduled_us = due * USECS_PER_SEC;
    request.schedule_clock_us = now * USECS_PER_SEC;
    return request;
}

}  // namespace

long RunDueSchedules(TimestampTz now_timestamp) {
    const pg_time_t now = timestamptz_to_time_t(now_timestamp);
    const long idle_ms = RecoveryInProgress() ? kMinuteMs : kIdleMs;
    if (FindObstacle().kind != Obstacle::Kind::kNone || QueryRows(kIsInstalled, {}) == 0)
        return idle_ms;
    const bool has_standby = strcmp(QueryValue(kStandbys, {}), "0") != 0;
    long look_ms = idle_ms;
    int rows = QueryRows(kSchedules, {});
    auto* schedules = static_cast<Schedule*>(palloc0(sizeof(Schedule) * (rows + 1)));
    for (int row = 0; row < rows; ++row) schedules[row] = ReadSchedule(row);
    for (int row = 0; row < rows; ++row) {
        const Schedule& schedule = schedules[row];
        ScheduleTimes times;
        char problem[512];
        if (!TryParseTimes(schedule.expression, schedule.time_zone, &times, problem,
                           sizeof(problem))) {
            ereport(WARNING, (errmsg("schedule \"%s\" is not run: %s", schedule.name, problem),
                              errhint("Define it anew with agri_schedule().")));
            continue;
        }
        pg_time_t next = 0, due = 0;
        if (NextTime(times, now, &next))
            look_ms = Min(look_ms, Max((next - now) * 1000, static_cast<pg_time_t>(1000)));
        if (!FindDue(schedule, times, now, &due)) continue;
        look_ms = Min(look_ms, kMinuteMs);
        if (!IsForThisServer(schedule, due, now, has_standby) || IsBackupRunning()) continue;
        if (IsState(schedule, "running") && IsKnownLately(schedule)) continue;
        (void)StartJob(RequestFor(schedule, due, now));
    }
    return look_ms;
}

}  // namespace agri::pg

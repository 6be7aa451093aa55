// See schedule_time.hpp. Time is walked in spans of one UTC offset each, between the jumps of
// clocks.
#include "pg/schedule_time.hpp"

namespace agri::pg {

namespace {

constexpr pg_time_t kDay = 86400;
// The longest time between two 29ths of February that exist, and some.
constexpr pg_time_t kHorizon = 9 * 366 * kDay;
// No clock jumps farther back.
constexpr pg_time_t kLongestJump = 2 * kDay;

// [begin, end) has one offset from UTC. Unless it is the first, clocks jumped by `jump` at its
// begin.
struct Span {
    pg_time_t begin, end;
    long offset, jump;
};

// The span that begins at `begin`. Every time zone has an end of its jumps.
Span SpanAt(pg_tz* zone, pg_time_t begin, pg_time_t end, long jump) {
    long before = 0, after = 0;
    int is_dst_before = 0, is_dst_after = 0;
    pg_time_t boundary = 0;
    int jumps = pg_next_dst_boundary(&begin, &before, &is_dst_before, &boundary, &after,
                                     &is_dst_after, zone);
    if (jumps < 0)
        ereport(ERROR, (errmsg("could not read time zone \"%s\"", pg_get_timezone_name(zone))));
    if (jumps == 0 || boundary >= end) return {begin, end, before, jump};
    return {begin, boundary, before, jump};
}

long OffsetAt(pg_tz* zone, pg_time_t time) { return pg_localtime(&time, zone)->tm_gmtoff; }

// The first time in the span, not before `from`.
bool FirstInSpan(const CronFields& fields, const Span& span, pg_time_t from, pg_time_t* found) {
    pg_time_t begin = Max(span.begin, from);
    int64_t minute = 0;
    if (!fields.any_hour && span.jump > 0 && from <= span.begin &&
        FindMinute(fields, span.begin + span.offset - span.jump, span.begin + span.offset,
                   &minute)) {
        *found = span.begin;
        return true;
    }
    // What came before the jump back.
    if (!fields.any_hour && span.jump < 0) begin = Max(begin, span.begin - span.jump);
    if (!FindMinute(fields, begin + span.offset, span.end + span.offset, &minute)) return false;
    *found = minute - span.offset;
    return true;
}

bool FirstInRange(const ScheduleTimes& times, pg_time_t from, pg_time_t end, pg_time_t* found) {
    const pg_time_t start = from - kLongestJump;
    Span span = SpanAt(times.zone, start, end, 0);
    for (;;) {
        if (span.end > from && FirstInSpan(times.fields, span, from, found)) return true;
        if (span.end >= end) return false;
        const long jump = OffsetAt(times.zone, span.end) - span.offset;
        span = SpanAt(times.zone, span.end, end, jump);
    }
}

}  // namespace

bool TryParseTimes(const char* expression, const char* time_zone, ScheduleTimes* times,
                   char* problem, size_t problem_size) {
    if (!ParseCron(expression, &times->fields, problem, problem_size)) return false;
    times->zone = pg_tzset(time_zone);
    if (times->zone == nullptr || !pg_tz_acceptable(times->zone)) {
        snprintf(problem, problem_size, "time zone \"%s\" is not known", time_zone);
        return false;
    }
    return true;
}

ScheduleTimes ParseTimes(const char* expression, const char* time_zone) {
    ScheduleTimes times;
    char problem[512];
    if (!TryParseTimes(expression, time_zone, &times, problem, sizeof(problem)))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("invalid schedule \"%s\" in time zone \"%s\"", expression, time_zone),
                 errdetail("%s.", problem),
                 errhint("Write minute, hour, day of the month, month and day of the week, such as "
                         "'30 2 * * mon-fri', or @daily; time zones are those of "
                         "pg_timezone_names.")));
    return times;
}

bool NextTime(const ScheduleTimes& times, pg_time_t after, pg_time_t* next) {
    return FirstInRange(times, after + 1, after + kHorizon, next);
}

// Looks back in growing steps, so that a year of minutes is not walked through.
bool LatestTime(const ScheduleTimes& times, pg_time_t after, pg_time_t until, pg_time_t* latest) {
    const pg_time_t steps[] = {3600, kDay, 32 * kDay, 367 * kDay, kHorizon};
    for (pg_time_t step : steps) {
        pg_time_t from = Max(after, until - step) + 1;
        bool found = false;
        while (from <= until && FirstInRange(times, from, until + 1, latest)) {
            found = true;
            from = *latest + 1;
        }
        if (found) {
            *latest = from - 1;
            return true;
        }
        if (until - step <= after) return false;
    }
    return false;
}

}  // namespace agri::pg

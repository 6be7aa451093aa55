// When a schedule is due: cron expressions on the wall clock of a time zone, with PostgreSQL's own
// time zone data. Where clocks jump forward over an hour that a schedule names, it is due once, at
// the jump; where an hour comes twice, it is due in the first. A schedule for every hour (an hour
// field that begins with "*") goes by elapsed time instead: the hour that is left out has no run,
// the one that comes twice has one each.
#pragma once

#include "pg/cron.hpp"
#include "pg/server.hpp"

extern "C" {
#include "pgtime.h"
}

namespace agri::pg {

struct ScheduleTimes {
    CronFields fields;
    pg_tz* zone;
};

// Raises an error that says what is wrong with either, or that it is never due.
ScheduleTimes ParseTimes(const char* expression, const char* time_zone);
// False, with words for people, instead.
bool TryParseTimes(const char* expression, const char* time_zone, ScheduleTimes* times,
                   char* problem, size_t problem_size);

// The first time after `after`; false when there is none in the years that follow.
bool NextTime(const ScheduleTimes& times, pg_time_t after, pg_time_t* next);
// The last time after `after` and not after `until`; false when there is none.
bool LatestTime(const ScheduleTimes& times, pg_time_t after, pg_time_t until, pg_time_t* latest);

}  // namespace agri::pg

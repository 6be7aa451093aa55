// Cron expressions: five fields, or @daily and the like. Here a minute of the wall clock matches or
// it does not; what time zones make of it is schedule_time.hpp's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace agri::pg {

// Bit n stands for the value n. Weekdays count from Sunday, 0.
struct CronFields {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;
    uint16_t months;
    uint8_t weekdays;
    // Fields that begin with "*". Where neither does, a day matches by either of them.
    bool any_day, any_weekday;
    // An hour of "*" or "*/n" goes by elapsed time; any other names an hour of the wall clock.
    bool any_hour;
};

// False, with words for people, when the expression is none.
bool ParseCron(const char* text, CronFields* fields, char* problem, size_t problem_size);

// Seconds of the wall clock since 1970-01-01 00:00. The first matching minute that begins in
// [from, end); false when there is none.
bool FindMinute(const CronFields& fields, int64_t from, int64_t end, int64_t* found);

}  // namespace agri::pg

// See cron.hpp. Expressions are short and come from people: every error says which part is wrong.
#include "pg/cron.hpp"

#include "pg/server.hpp"

extern "C" {
#include "utils/datetime.h"
}

namespace agri::pg {

namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr int kMaxPart = 100;

const char* const kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",  "jul",
                               "aug", "sep", "oct", "nov", "dec", nullptr};
const char* const kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", nullptr};

struct Field {
    const char* title;
    int low, high;
    const char* const* names;  // of low, low + 1 and so on
};
const Field kFields[] = {{"minute", 0, 59, nullptr},
                         {"hour", 0, 23, nullptr},
                         {"day of the month", 1, 31, nullptr},
                         {"month", 1, 12, kMonths},
                         // 7 is Sunday as well
                         {"day of the week", 0, 7, kWeekdays}};
constexpr int kFieldCount = 5;

struct Shorthand {
    const char* name;
    const char* expression;
};
const Shorthand kShorthands[] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
                                 {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
                                 {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                                 {"@hourly", "0 * * * *"}};

struct Problem {
    char* text;
    size_t size;
};

bool Complain(const Problem& problem, const char* format, ...) pg_attribute_printf(2, 3);
bool Complain(const Problem& problem, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem.text, problem.size, format, arguments);
    va_end(arguments);
    return false;
}

// A number or a name at the start of `text`, which is moved past it; -1 when there is none.
int ReadValue(const Field& field, const char** text) {
    if (**text >= '0' && **text <= '9') {
        int value = 0;
        for (; **text >= '0' && **text <= '9'; ++*text)
            value = Min(value * 10 + (**text - '0'), 10000);
        return value;
    }
    for (int i = 0; field.names != nullptr && field.names[i] != nullptr; ++i)
        if (pg_strncasecmp(*text, field.names[i], 3) == 0) {
            *text += 3;
            return field.low + i;
        }
    return -1;
}

// One part of a list: *, 5, 1-5, and the first and last with a step.
bool ParsePart(const Field& field, const char* part, uint64_t* bits, const Problem& problem) {
    const char* at = part;
    int first = field.low, last = field.high, step = 1;
    bool is_range = true;
    if (*at == '*') {
        ++at;
        // Otherwise Sunday would come twice.
        if (field.names == kWeekdays) last = 6;
    } else {
        first = last = ReadValue(field, &at);
        is_range = *at == '-';
        if (is_range) {
            ++at;
            last = ReadValue(field, &at);
            // "fri-sun" is what it looks like.
            if (field.names == kWeekdays && last == 0 && first > 0) last = 7;
        }
        if (first < 0 || last < 0) return Complain(problem, "\"%s\" is no %s", part, field.title);
        if (first < field.low || last > field.high || first > field.high)
            return Complain(problem, "\"%s\" is out of range for the %s (%d to %d)", part,
                            field.title, field.low, field.high);
        if (first > last)
            return Complain(problem, "the range \"%s\" of the %s ends before it begins", part,
                            field.title);
    }
    if (*at == '/') {
        ++at;
        const Field number = {field.title, 0, 0, nullptr};
        step = ReadValue(number, &at);
        if (!is_range)
            return Complain(problem, "the step of \"%s\" needs a range or * before it", part);
        if (step < 1 || step > field.high)
            return Complain(problem, "the step of \"%s\" is out of range for the %s (1 to %d)",
                            part, field.title, field.high);
    }
    if (*at != '\0') return Complain(problem, "\"%s\" is no %s", part, field.title);
    for (int value = first; value <= last; value += step)
        *bits |= UINT64CONST(1) << (field.names == kWeekdays ? value % 7 : value);
    return true;
}

bool ParseField(const Field& field, const char* text, uint64_t* bits, const Problem& problem) {
    for (;;) {
        char part[kMaxPart];
        size_t length = strcspn(text, ",");
        if (length >= sizeof(part)) return Complain(problem, "the %s is too long", field.title);
        memcpy(part, text, length);
        part[length] = '\0';
        if (length == 0) return Complain(problem, "the %s has an empty part", field.title);
        if (!ParsePart(field, part, bits, problem)) return false;
        if (text[length] == '\0') return true;
        text += length + 1;
    }
}

bool MatchesDay(const CronFields& fields, int64_t day) {
    int year = 0, month = 0, day_of_month = 0;
    j2date(static_cast<int>(day + UNIX_EPOCH_JDATE), &year, &month, &day_of_month);
    if ((fields.months & (1u << month)) == 0) return false;
    const bool by_month = (fields.days & (1u << day_of_month)) != 0;
    // 1970-01-01 was a Thursday.
    const auto weekday = static_cast<unsigned>(((day + 4) % 7 + 7) % 7);
    const bool by_week = (fields.weekdays & (1u << weekday)) != 0;
    if (fields.any_day || fields.any_weekday) return by_month && by_week;
    return by_month || by_week;
}

int64_t DayOf(int64_t time) {
    return time >= 0 ? time / kDaySeconds : -((-time + kDaySeconds - 1) / kDaySeconds);
}

}  // namespace

bool ParseCron(const char* text, CronFields* fields, char* problem_text, size_t problem_size) {
    const Problem problem{problem_text, problem_size};
    constexpr char kBlank[] = " \t";
    text += strspn(text, kBlank);
    if (*text == '@') {
        size_t length = strcspn(text, kBlank);
        const char* expression = nullptr;
        for (const Shorthand& shorthand : kShorthands)
            if (strlen(shorthand.name) == length &&
                pg_strncasecmp(text, shorthand.name, length) == 0 &&
                text[length + strspn(text + length, kBlank)] == '\0')
                expression = shorthand.expression;
        if (expression == nullptr)
            return Complain(problem,
                            "\"%s\" is none of @yearly, @annually, @monthly, @weekly, @daily, "
                            "@midnight and @hourly",
                            text);
        text = expression;
    }
    uint64_t bits[kFieldCount] = {};
    bool stars[kFieldCount] = {};
    for (int i = 0; i < kFieldCount; ++i) {
        char field[256];
        size_t length = strcspn(text, kBlank);
        if (length == 0) return Complain(problem, "it has %d fields instead of 5", i);
        if (length >= sizeof(field))
            return Complain(problem, "the %s is too long", kFields[i].title);
        memcpy(field, text, length);
        field[length] = '\0';
        stars[i] = field[0] == '*';
        if (!ParseField(kFields[i], field, &bits[i], problem)) return false;
        text += length;
        text += strspn(text, kBlank);
    }
    if (*text != '\0') return Complain(problem, "it has more than 5 fields");
    *fields = {bits[0],
               static_cast<uint32_t>(bits[1]),
               static_cast<uint32_t>(bits[2]),
               static_cast<uint16_t>(bits[3]),
               static_cast<uint8_t>(bits[4]),
               stars[2],
               stars[4],
               stars[1]};
    return true;
}

bool FindMinute(const CronFields& fields, int64_t from, int64_t end, int64_t* found) {
    for (int64_t day = DayOf(from); day * kDaySeconds < end; ++day) {
        if (!MatchesDay(fields, day)) continue;
        for (int hour = 0; hour < 24; ++hour) {
            if ((fields.hours & (1u << hour)) == 0) continue;
            const int64_t begin = day * kDaySeconds + hour * 3600;
            if (begin + 3600 <= from) continue;
            for (int minute = 0; minute < 60; ++minute) {
                const int64_t time = begin + minute * 60;
                if ((fields.minutes & (UINT64CONST(1) << minute)) == 0 || time < from) continue;
                *found = time;
                return time < end;
            }
        }
    }
    return false;
}

}  // namespace agri::pg

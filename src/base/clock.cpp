// The machine's clocks, and the two written forms of a wall time. Parsing accepts only what names
// one instant: a date that the calendar has, and an explicit offset from UTC.
#include "base/clock.hpp"

#include <fmt/format.h>

namespace agri::base {

namespace {

class MachineClock final : public Clock {
   public:
    WallTime Now() const override {
        return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
    MonotonicTime Monotonic() const override { return std::chrono::steady_clock::now(); }
};

// The calendar's and the day's parts of a wall time.
struct Parts {
    explicit Parts(WallTime time)
        : date(std::chrono::floor<std::chrono::days>(time)),
          clock(time - std::chrono::floor<std::chrono::days>(time)) {}
    int year() const { return static_cast<int>(date.year()); }
    unsigned month() const { return static_cast<unsigned>(date.month()); }
    unsigned day() const { return static_cast<unsigned>(date.day()); }

    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::microseconds> clock;
};

// Takes a timestamp apart from the left. Every method says whether what it wanted was there.
class Scanner {
   public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    bool AtEnd() const { return rest_.empty(); }
    bool NextIsDigit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
    bool Accept(char wanted) {
        if (rest_.empty() || rest_[0] != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }
    // Exactly `count` decimal digits.
    bool Number(int count, int& out) {
        out = 0;
        for (int i = 0; i < count; ++i) {
            if (!NextIsDigit()) return false;
            out = out * 10 + TakeDigit();
        }
        return true;
    }
    // One to six digits after the decimal point, as microseconds.
    bool Fraction(int& microseconds) {
        int digits = 0;
        for (microseconds = 0; digits < 6 && NextIsDigit(); ++digits)
            microseconds = microseconds * 10 + TakeDigit();
        if (digits == 0 || NextIsDigit()) return false;
        for (; digits < 6; ++digits) microseconds *= 10;
        return true;
    }

   private:
    int TakeDigit() {
        const int digit = rest_[0] - '0';
        rest_.remove_prefix(1);
        return digit;
    }

    std::string_view rest_;
};

std::optional<std::chrono::sys_days> ScanDate(Scanner& scanner) {
    int year, month, day;
    if (!scanner.Number(4, year) || !scanner.Accept('-') || !scanner.Number(2, month) ||
        !scanner.Accept('-') || !scanner.Number(2, day))
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    // PostgreSQL knows no year zero either.
    if (year == 0 || !date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

std::optional<std::chrono::microseconds> ScanTimeOfDay(Scanner& scanner) {
    int hour, minute, second = 0, microsecond = 0;
    if (!scanner.Number(2, hour) || !scanner.Accept(':') || !scanner.Number(2, minute))
        return std::nullopt;
    if (scanner.Accept(':')) {
        if (!scanner.Number(2, second)) return std::nullopt;
        if (scanner.Accept('.') && !scanner.Fraction(microsecond)) return std::nullopt;
    }
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
           std::chrono::microseconds(microsecond);
}

std::optional<std::chrono::minutes> ScanOffset(Scanner& scanner) {
    if (scanner.Accept('Z')) return std::chrono::minutes(0);
    const bool west = scanner.Accept('-');
    if (!west && !scanner.Accept('+')) return std::nullopt;
    int hours, minutes = 0;
    if (!scanner.Number(2, hours)) return std::nullopt;
    const bool colon = scanner.Accept(':');
    if ((colon || scanner.NextIsDigit()) && !scanner.Number(2, minutes)) return std::nullopt;
    // PostgreSQL's own bound (MAX_TZDISP_HOUR).
    if (hours > 15 || minutes > 59) return std::nullopt;
    const std::chrono::minutes offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    return west ? -offset : offset;
}

}  // namespace

const Clock& SystemClock() {
    // Never destroyed: threads may still ask for the time while the process exits.
    static const MachineClock* const clock = new MachineClock;
    return *clock;
}

std::string FormatTime(WallTime time) {
    const Parts parts(time);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.year(), parts.month(),
                       parts.day(), parts.clock.hours().count(), parts.clock.minutes().count(),
                       parts.clock.seconds().count(), parts.clock.subseconds().count());
}

std::string FormatTimeCompact(WallTime time) {
    const Parts parts(time);
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.year(), parts.month(), parts.day(),
                       parts.clock.hours().count(), parts.clock.minutes().count(),
                       parts.clock.seconds().count());
}

std::optional<WallTime> ParseTimeWithOffset(std::string_view text) {
    Scanner scanner(text);
    const auto date = ScanDate(scanner);
    if (!date || !(scanner.Accept('T') || scanner.Accept(' '))) return std::nullopt;
    const auto time_of_day = ScanTimeOfDay(scanner);
    if (!time_of_day) return std::nullopt;
    const auto offset = ScanOffset(scanner);
    if (!offset || !scanner.AtEnd()) return std::nullopt;
    return WallTime(*date) + *time_of_day - *offset;
}

}  // namespace agri::base

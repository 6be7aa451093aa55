// Written forms of time: base/clock.hpp.
#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace agri::base {
namespace {

using std::chrono::microseconds;
using std::chrono::sys_days;
using namespace std::chrono_literals;

const WallTime kEvening = sys_days(2026y / 11 / 22) + 20h + 15min + 1s + microseconds(123456);

TEST(FormatTime, WholeAndFractionalSeconds_AlwaysHasMicroseconds) {
    EXPECT_EQ(FormatTime(kEvening), "2026-11-22T20:15:01.123456Z");
    EXPECT_EQ(FormatTime(sys_days(2000y / 1 / 1)), "2000-01-01T00:00:00.000000Z");
}

TEST(FormatTime, BeforeTheEpoch_CountsForwardWithinTheDay) {
    EXPECT_EQ(FormatTime(WallTime(microseconds(-1))), "1969-12-31T23:59:59.999999Z");
}

TEST(FormatTimeCompact, Fraction_IsCutOff) {
    EXPECT_EQ(FormatTimeCompact(kEvening), "20261122T201501Z");
}

TEST(ParseTimeWithOffset, WhatFormatTimeWrote_IsReadBack) {
    EXPECT_EQ(ParseTimeWithOffset(FormatTime(kEvening)), kEvening);
}

TEST(ParseTimeWithOffset, EveryFormOfOffset_NamesTheSameInstant) {
    const WallTime noon = sys_days(2026y / 11 / 22) + 12h;
    for (const char* text : {"2026-11-22 12:00Z", "2026-11-22T14:00+02", "2026-11-22 14:00:00+0200",
                             "2026-11-22 14:00:00.0+02:00", "2026-11-22 06:30:00.000000-05:30",
                             "2026-11-23 03:00+15", "2026-11-22 12:00-00:00"})
        EXPECT_EQ(ParseTimeWithOffset(text), noon) << text;
}

TEST(ParseTimeWithOffset, ShortFraction_IsDecimal) {
    EXPECT_EQ(ParseTimeWithOffset("1970-01-01 00:00:00.25Z"), WallTime(microseconds(250000)));
}

TEST(ParseTimeWithOffset, MissingOffset_IsRefused) {
    for (const char* text : {"2026-11-22 12:00", "2026-11-22 12:00:00", "2026-11-22T12:00:00.5"})
        EXPECT_EQ(ParseTimeWithOffset(text), std::nullopt) << text;
}

TEST(ParseTimeWithOffset, DateThatTheCalendarLacks_IsRefused) {
    for (const char* text : {"2026-02-29 12:00Z", "2026-04-31 12:00Z", "2026-13-01 12:00Z",
                             "2026-00-10 12:00Z", "2026-01-00 12:00Z", "0000-01-01 12:00Z"})
        EXPECT_EQ(ParseTimeWithOffset(text), std::nullopt) << text;
    EXPECT_TRUE(ParseTimeWithOffset("2028-02-29 12:00Z"));
}

TEST(ParseTimeWithOffset, TimeThatTheDayLacks_IsRefused) {
    for (const char* text : {"2026-11-22 24:00Z", "2026-11-22 12:60Z", "2026-11-22 12:00:60Z",
                             "2026-11-22 12:00+16", "2026-11-22 12:00+02:60"})
        EXPECT_EQ(ParseTimeWithOffset(text), std::nullopt) << text;
}

TEST(ParseTimeWithOffset, MalformedText_IsRefused) {
    for (const char* text : {"",
                             "Z",
                             "now",
                             "2026-11-22",
                             "2026-11-22Z",
                             "26-11-22 12:00Z",
                             "2026-1-22 12:00Z",
                             "2026-11-22  12:00Z",
                             " 2026-11-22 12:00Z",
                             "2026-11-22 12:00Z ",
                             "2026-11-22 12:00 Z",
                             "2026-11-22_12:00Z",
                             "2026-11-22t12:00Z",
                             "2026-11-22 12:00z",
                             "2026-11-22 12Z",
                             "2026-11-22 12:00:Z",
                             "2026-11-22 12:00:00.Z",
                             "2026-11-22 12:00:00.1234567Z",
                             "2026-11-22 12:00.5Z",
                             "2026-11-22 12:00+2",
                             "2026-11-22 12:00+02:",
                             "2026-11-22 12:00+",
                             "2026-11-22 12:00+020",
                             "2026-11-22 12:00+02000",
                             "2026-11-22 12:00UTC",
                             "2026-11-22 12:00ZZ",
                             "+026-11-22 12:00Z",
                             "2026-11-22 +2:00Z"})
        EXPECT_EQ(ParseTimeWithOffset(text), std::nullopt) << text;
}

TEST(SystemClock, MonotonicReadTwice_DoesNotRunBackwards) {
    const auto before = SystemClock().Monotonic();
    EXPECT_GE(SystemClock().Monotonic(), before);
}

TEST(SystemClock, Now_LiesAfterThisWasWritten) {
    EXPECT_GT(SystemClock().Now(), WallTime(sys_days(2024y / 1 / 1)));
}

}  // namespace
}  // namespace agri::base

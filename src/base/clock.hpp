// Time is injected: tests advance it by hand and never sleep. Wall time is for showing and for
// names; durations, deadlines and leases use the monotonic clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace agri::base {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using MonotonicTime = std::chrono::steady_clock::time_point;

class Clock {
   public:
    virtual ~Clock() = default;
    virtual WallTime Now() const = 0;
    virtual MonotonicTime Monotonic() const = 0;
};

// The machine's clocks. Thread-safe, never destroyed.
const Clock& SystemClock();

// ISO 8601 in UTC with microseconds: "2026-11-22T20:15:01.123456Z".
std::string FormatTime(WallTime time);
// The same to whole seconds, as used in backup identifiers: "20261122T201501Z".
std::string FormatTimeCompact(WallTime time);
// Accepts "YYYY-MM-DD[ T]HH:MM[:SS[.ffffff]]" followed by Z or a UTC offset (+02, +0200, +02:00).
// nullopt when malformed or when the offset is missing: a local time is never guessed.
std::optional<WallTime> ParseTimeWithOffset(std::string_view text);

}  // namespace agri::base

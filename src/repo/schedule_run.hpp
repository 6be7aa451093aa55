// Run state of schedules: which time of a schedule was run last, and how that ended. It stands in
// the repository, so that it neither rewinds with a server that went back in time nor is run by
// two.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "repo/repository.hpp"

namespace agri::repo {

// A time of a schedule that is due.
struct DueRun {
    std::string schedule;
    int64_t scheduled_us = 0;
    int64_t now_us = 0;  // the clock by which it is due
};

// A run that was cut off (its server or machine ended) is begun again, up to this often.
inline constexpr uint32_t kMaxRunAttempts = 3;

// A run for a time farther ahead than this is one of a clock that was wrong: it counts for nothing.
inline constexpr std::chrono::hours kLargestClockError{24};

std::string LeaseNameOf(const std::string& schedule);

// The last run of each schedule that ever ran, by name.
base::Result<std::vector<format::ScheduleRun>> ListLastRuns(const Incarnation& incarnation);
// Why this run is not to be begun, for people; nullopt when it is. Does not consider that another
// server may run it now: the lease tells.
base::Result<std::optional<std::string>> ReasonNotToRun(const Incarnation& incarnation,
                                                        const DueRun& due);

// A run under way. Whoever begins one holds the lease LeaseNameOf() until it has ended.
class ScheduledRun {
   public:
    // Puts RUNNING. kConflict when another server put a record meanwhile.
    static base::Result<ScheduledRun> Begin(const Incarnation& incarnation, const DueRun& due,
                                            const base::Clock& clock, base::Random& random);
    // Puts how it ended. kConflict when the run was taken over.
    base::Status End(format::ScheduleRun::State state, const std::string& backup_id,
                     const std::string& error, const base::Clock& clock);

   private:
    ScheduledRun(const Incarnation& incarnation, uint64_t sequence, format::ScheduleRun run)
        : incarnation_(incarnation), sequence_(sequence), run_(std::move(run)) {}
    Incarnation incarnation_;
    uint64_t sequence_;
    format::ScheduleRun run_;
};

}  // namespace agri::repo

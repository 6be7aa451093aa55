// What a process of the module waits for, as pg_stat_activity names it, and the time by which it waits.
#pragma once

#include "pg/server.hpp"

namespace agri::pg {

enum class Waiting { kForArchiving, kForJob, kForJobProcess, kForSupervision };

// The wait event's number: a named one from PostgreSQL 17 on, "Extension" before.
uint32 WaitEventFor(Waiting waiting);

// The time since boot, for durations: whoever sets the clock neither shortens nor lengthens a wait.
// Only to be compared and added to; as a point in time it means nothing.
TimestampTz SteadyNow();

}  // namespace agri::pg

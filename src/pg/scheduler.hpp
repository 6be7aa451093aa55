// The schedules' side of the supervisor. Definitions stand in a table, and a permanent connection
// would block DROP DATABASE: so a worker of a moment looks at them when something may be due,
// starts what is, says when to look next, and ends.
#pragma once

#include "pg/server.hpp"

namespace agri::pg {

// Supervisor: starts that worker when it is time to, unless it is at work.
void StartSchedulerIfDue();
long MsUntilScheduler();

// Anybody: something has changed that schedules depend on.
void LookAtSchedules();

// The time that schedules go by.
TimestampTz ScheduleClock();

}  // namespace agri::pg

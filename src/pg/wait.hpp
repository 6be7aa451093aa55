// What a process of the module waits for, as pg_stat_activity names it.
#pragma once

#include "pg/server.hpp"

namespace agri::pg {

enum class Waiting { kForArchiving, kForJob, kForJobProcess, kForSupervision };

// The wait event's number: a named one from PostgreSQL 17 on, "Extension" before.
uint32 WaitEventFor(Waiting waiting);

}  // namespace agri::pg

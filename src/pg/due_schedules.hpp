// Which schedules are due on this server, and starting them.
#pragma once

#include "pg/server.hpp"

namespace agri::pg {

// Starts the backup that is due, at most one. Returns after how many milliseconds to look again.
// Within a transaction with SPI open.
long RunDueSchedules(TimestampTz now);

}  // namespace agri::pg

// See wait.hpp.
#include <ctime>

#include "pg/wait.hpp"

namespace agri::pg {

uint32 WaitEventFor(Waiting waiting) {
#if PG_VERSION_NUM >= 170000
    static uint32 events[4] = {};
    static const char* const kNames[4] = {"AgriBackupArchiving", "AgriBackupJob",
                                          "AgriBackupJobProcess", "AgriBackupSupervision"};
    int index = static_cast<int>(waiting);
    if (events[index] == 0) events[index] = WaitEventExtensionNew(kNames[index]);
    return events[index];
#else
    (void)waiting;
    return PG_WAIT_EXTENSION;
#endif
}

TimestampTz SteadyNow() {
    timespec now{};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * USECS_PER_SEC + now.tv_nsec / 1000;
}

}  // namespace agri::pg

// The module's entry. Preloaded, it is the supervisor, the archive module and the SQL functions;
// loaded by archive_library or a function alone, it works without shared memory, and calls that act
// say what to set.
#include "pg/server.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/supervisor.hpp"

extern "C" {

PG_MODULE_MAGIC;

// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that PostgreSQL looks for
PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
    agri::pg::DefineSettings();
    if (!process_shared_preload_libraries_in_progress) return;
    agri::pg::RequestSharedMemory();
    // pg_upgrade starts old and new servers with their own settings: nothing of ours may run there.
    if (!IsBinaryUpgrade) agri::pg::RegisterSupervisor();
}

}  // extern "C"

// The supervisor: a bgworker without a database that starts the archiving process and watches it.
#pragma once

namespace agri::pg {

// Called by _PG_init while libraries are preloaded.
void RegisterSupervisor();

}  // namespace agri::pg

// Whether this server's settings let a backup's WAL reach the repository.
#pragma once

namespace agri::pg {

// A backup is complete when its WAL is archived: where nothing archives it, raises an error that
// says what to set, before anything is copied. On a standby the primary archives.
void RequireArchiving();

}  // namespace agri::pg

// A job process: one backup, verification, initialisation or refresh on behalf of a session worker,
// whose control socket is on descriptor 3.
#pragma once

namespace agri::worker {

// Returns the process's exit status. Protocol and files: docs/architecture.md.
int RunJobProcess(int control_fd);

}  // namespace agri::worker

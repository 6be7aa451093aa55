// The archiving process: answers the archive module, looks ahead in archive_status, retries for
// ever, and keeps the cached state fresh. Started by the supervisor with a control socket on
// descriptor 3.
#pragma once

namespace agri::worker {

// Returns the process's exit status. Protocol, lifetime and files: docs/architecture.md.
int RunArchivingProcess(int control_fd);

}  // namespace agri::worker

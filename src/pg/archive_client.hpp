// Asks the archiving process over its socket whether a WAL file is durable, and waits for the
// answer.
#pragma once

#include "pg/job.hpp"

namespace agri::pg {

// True when the file is durable in the repository. Otherwise false with the reason in `failure`;
// never raises an error. `path` is relative to the data directory. Waits on the process latch, for
// at most agri_backup.archive_deadline since the archiving process last said that it works on the
// file.
bool IsFileDurable(const char* file, const char* path, Failure* failure);

}  // namespace agri::pg

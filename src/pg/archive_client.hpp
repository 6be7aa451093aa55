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
// Called when the archiver ends: after a clean shutdown the shutdown checkpoint stands in a segment
// that is not filled, and the archiving process saves what there is of it. Waits for at most
// agri_backup.archive_deadline in all. True also when there is nothing to save.
bool IsUnfinishedWalSaved(Failure* failure);

}  // namespace agri::pg

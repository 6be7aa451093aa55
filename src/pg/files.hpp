// Small files of the runtime folder (DATA/agri_backup), as the server reads them: whole, bounded,
// and always below that folder. Their writers replace them by rename.
#pragma once

#include <cstddef>

namespace agri::pg {

inline constexpr char kRuntimeFolder[] = "agri_backup";

// A palloc'd, NUL-terminated copy; nullptr when there is no such file. Raises an error when it is
// larger than max_bytes or cannot be read.
char* ReadRuntimeFile(const char* name, size_t max_bytes);

// Quietly removes a file that may be gone already.
void RemoveRuntimeFile(const char* name);

// Removes what earlier jobs left in jobs/, but for the job names that `keep` accepts.
void SweepJobFiles(bool (*keep)(const char* job));

}  // namespace agri::pg

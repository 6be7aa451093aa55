// The archiving process from CONFIG to its end, without what concerns the whole process: for
// RunArchivingProcess, and for tests, which give it a child process of theirs.
#pragma once

#include "worker/archiving_loop.hpp"

namespace agri::worker {

// Owns the control socket from here on. Changes the working directory. Returns the exit status; the
// process must end by _exit, because a thread may hang in storage.
int RunArchiving(base::Fd control, const base::CancelToken& signal, const base::Clock& clock,
                 const base::LoggerPtr& log, const ArchivingOptions& options);

}  // namespace agri::worker

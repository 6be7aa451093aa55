// A job process from CONFIG to DONE or FAILED, without what concerns the whole process: for
// RunJobProcess, and for tests.
#pragma once

#include "base/file.hpp"
#include "worker/environment.hpp"

namespace agri::worker {

// Owns the control socket from here on; its other end's closing cancels `cancel`. Changes the
// working directory. Returns the exit status.
int RunJobOver(base::Fd control, base::CancelToken& cancel, const base::Clock& clock,
               const base::LoggerPtr& log);

}  // namespace agri::worker

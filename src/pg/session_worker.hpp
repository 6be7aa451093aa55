// The session worker: a bgworker that lives for one job, starts its process and speaks SQL for it.
#pragma once

#include "pg/job_slots.hpp"

namespace agri::pg {

// Starts a session worker for a job whose slot was taken. Fails the job and raises an error when
// the server has no room for one more bgworker. The handle is palloc'd.
BackgroundWorkerHandle* StartSessionWorker(JobAddress address);

}  // namespace agri::pg

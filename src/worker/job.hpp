// What a job process does, by kind: backup, verify, init, refresh.
#pragma once

#include "worker/environment.hpp"
#include "worker/job_progress.hpp"
#include "worker/server_config.hpp"
#include "worker/session_port.hpp"

namespace agri::worker {

// Owned by the caller; the working directory is the data directory.
struct JobInputs {
    const ServerConfig& config;
    const Message& request;  // JOB
    SessionPort& session;
    const Environment& environment;
};

// Does the work; DONE, to be sent last.
base::Result<Message> RunJob(const JobInputs& inputs);

}  // namespace agri::worker

// What every job is handed: its settings, clocks, randomness, cancellation, log and progress. Owned
// by the caller, outlives the job; thread-safe members only.
#pragma once

#include <chrono>
#include <optional>

#include "base/cancel.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "engine/progress.hpp"
#include "engine/settings.hpp"
#include "repo/repository.hpp"

namespace agri::engine {

struct Context {
    const Settings& settings;
    const base::Clock& clock;
    base::Random& random;
    const base::CancelToken& cancel;
    base::LoggerPtr log;
    Progress& progress;
    // For how long an unreachable storage is asked again before that is an error; a default of the
    // storage layer's own when not given.
    std::optional<std::chrono::milliseconds> storage_patience = {};
};

// Opens a configured repository: storage with its decorators (retry, rate limit), key, format
// check.
base::Result<std::unique_ptr<repo::Repository>> OpenRepository(const RepositorySettings& repository,
                                                               const Context& context,
                                                               const std::string& data_directory);

}  // namespace agri::engine

// Logging is spdlog, injected: whoever needs a log is handed one, there is no global logger.
// Server-side processes log to stderr, which PostgreSQL's logging collector takes in.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>

namespace agri::base {

using Logger = spdlog::logger;
using LoggerPtr = std::shared_ptr<Logger>;

// A logger to stderr; thread-safe. The name stands in every line.
LoggerPtr StderrLogger(const std::string& name, spdlog::level::level_enum level);
// A logger that drops everything.
LoggerPtr NullLogger();

}  // namespace agri::base

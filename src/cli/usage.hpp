// Mistakes on the command line, said as every other error is.
#pragma once

#include <CLI/CLI.hpp>

#include "base/error.hpp"

namespace agri::cli {

// What did not parse, and where to look.
base::Error UsageError(const CLI::App& app, const CLI::ParseError& error);

// An option that is given empty is most likely an unset variable of a script. Taken as not given,
// it would mean something else: no recovery target, all backups.
base::Status CheckNoneIsEmpty(const CLI::App& app);

}  // namespace agri::cli

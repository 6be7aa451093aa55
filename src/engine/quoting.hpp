// Quoting for the three languages that a restore writes: shell words, values in postgresql.conf,
// and restore_command with its % signs.
#pragma once

#include <string>
#include <string_view>

namespace agri::engine {

// One word of sh(1); left as it is when no quoting is needed.
std::string ShellQuote(std::string_view text);

// A value in postgresql.conf: single quotes, with ' and \ doubled (GUC_scanstr of
// src/backend/utils/misc/guc-file.l). `text` holds no control characters.
std::string ConfigQuote(std::string_view text);

// Doubles % so that restore_command's substitution (BuildRestoreCommand) leaves it alone.
std::string EscapePercent(std::string_view text);

bool HasControlCharacters(std::string_view text);

}  // namespace agri::engine

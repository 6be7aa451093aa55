// JSON as this program reads and writes it. Compiled once, because parser and writer are large templates.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace agri::base {

// is_discarded() when the text is not JSON, or says a member twice at any depth: readers would differ on
// which one counts.
nlohmann::json ParseJson(std::string_view text);

// On one line, and over several lines for people. File names may be any bytes: what is not UTF-8 is
// written as U+FFFD.
std::string ToLine(const nlohmann::json& document);
std::string ToIndented(const nlohmann::json& document);

}  // namespace agri::base

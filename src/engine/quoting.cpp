#include "engine/quoting.hpp"

#include <algorithm>

namespace agri::engine {

namespace {

bool IsPlain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+:=,@%").find(c) != std::string_view::npos;
}

}  // namespace

std::string ShellQuote(std::string_view text) {
    if (!text.empty() && std::all_of(text.begin(), text.end(), IsPlain)) return std::string(text);
    std::string quoted = "'";
    for (char c : text) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

std::string ConfigQuote(std::string_view text) {
    std::string quoted = "'";
    for (char c : text) {
        if (c == '\'' || c == '\\') quoted += c;
        quoted += c;
    }
    return quoted + "'";
}

std::string EscapePercent(std::string_view text) {
    std::string escaped;
    for (char c : text) {
        if (c == '%') escaped += c;
        escaped += c;
    }
    return escaped;
}

bool HasControlCharacters(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace agri::engine

// The text of a setting as a value; nothing when it is none.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace agri::engine {

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
    T value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Bytes with PostgreSQL's units (kB, MB, GB, TB; a bare number is bytes), as guc.c reads them.
std::optional<uint64_t> ParseSize(std::string_view text);
std::optional<bool> ParseSwitch(std::string_view text);

}  // namespace agri::engine

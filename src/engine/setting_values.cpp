#include "engine/setting_values.hpp"

namespace agri::engine {

namespace {

constexpr uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024, kTiB = kGiB * 1024;

}  // namespace

std::optional<uint64_t> ParseSize(std::string_view text) {
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    auto number = ParseNumber<uint64_t>(text.substr(0, digits));
    if (!number) return std::nullopt;
    std::string_view unit = text.substr(digits);
    while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    uint64_t factor = 0;
    if (unit.empty() || unit == "B") factor = 1;
    if (unit == "kB") factor = kKiB;
    if (unit == "MB") factor = kMiB;
    if (unit == "GB") factor = kGiB;
    if (unit == "TB") factor = kTiB;
    uint64_t bytes = 0;
    if (factor == 0 || __builtin_mul_overflow(*number, factor, &bytes)) return std::nullopt;
    return bytes;
}

std::optional<bool> ParseSwitch(std::string_view text) {
    if (text == "on" || text == "true" || text == "yes" || text == "1") return true;
    if (text == "off" || text == "false" || text == "no" || text == "0") return false;
    return std::nullopt;
}

}  // namespace agri::engine

// Column widths in code points: names may hold any UTF-8.
#include "cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agri::cli {

namespace {

size_t Width(const std::string& text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

std::string Table::ToString() const {
    std::vector<size_t> widths(rows_[0].size(), 0);
    for (const auto& row : rows_)
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
    std::string out;
    for (size_t r = 0; r < rows_.size(); ++r) {
        std::string line;
        for (size_t i = 0; i < widths.size(); ++i) {
            const std::string& cell = rows_[r][i];
            line += (i ? "  " : "") + cell + std::string(widths[i] - Width(cell), ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
        if (r > 0) continue;
        for (size_t i = 0; i < widths.size(); ++i)
            out += (i ? "  " : "") + std::string(widths[i], '-');
        out += "\n";
    }
    return out;
}

std::string HumanBytes(uint64_t bytes) {
    constexpr std::array kUnits{"bytes", "kB", "MB", "GB", "TB", "PB"};
    double value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
    return unit == 0 ? fmt::format("{} bytes", bytes)
                     : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string HumanDuration(uint64_t milliseconds) {
    uint64_t seconds = milliseconds / 1000;
    if (seconds < 10) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
    return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace agri::cli

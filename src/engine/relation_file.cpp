#include "engine/relation_file.hpp"

#include <charconv>

namespace agri::engine {

namespace {

constexpr size_t kMaxOidDigits = 10;

// Takes the leading decimal digits off `text`.
std::string_view TakeDigits(std::string_view& text) {
    size_t length = 0;
    while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
    std::string_view digits = text.substr(0, length);
    text.remove_prefix(length);
    return digits;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

wal::Fork TakeFork(std::string_view& text) {
    if (TakePrefix(text, "_fsm")) return wal::Fork::kFreeSpaceMap;
    if (TakePrefix(text, "_vm")) return wal::Fork::kVisibilityMap;
    if (TakePrefix(text, "_init")) return wal::Fork::kInit;
    return wal::Fork::kMain;
}

}  // namespace

std::optional<uint32_t> ParseOid(std::string_view text) {
    uint32_t value = 0;
    if (text.empty() || text.size() > kMaxOidDigits) return std::nullopt;
    for (char digit : text)
        if (digit < '0' || digit > '9') return std::nullopt;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<RelationFileName> RelationFileName::Parse(std::string_view name) {
    RelationFileName parsed;
    std::optional<uint32_t> number = ParseOid(TakeDigits(name));
    if (!number) return std::nullopt;
    parsed.number = *number;
    parsed.fork = TakeFork(name);
    if (TakePrefix(name, ".")) {
        std::optional<uint32_t> segment = ParseOid(TakeDigits(name));
        if (!segment) return std::nullopt;
        parsed.segment = *segment;
    }
    if (!name.empty()) return std::nullopt;
    return parsed;
}

bool IsTemporaryRelationName(std::string_view name) {
    if (!TakePrefix(name, "t")) return false;
    if (TakeDigits(name).empty() || !TakePrefix(name, "_")) return false;
    return RelationFileName::Parse(name).has_value();
}

}  // namespace agri::engine

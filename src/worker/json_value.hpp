// JSON values that say null instead of an empty text or a zero that means "not known".
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace agri::worker {

inline nlohmann::json OrNull(const std::string& text) {
    return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}
inline nlohmann::json OrNull(uint64_t value) {
    return value == 0 ? nlohmann::json(nullptr) : nlohmann::json(value);
}

}  // namespace agri::worker

#include "base/json.hpp"

#include <set>
#include <vector>

namespace agri::base {

using nlohmann::json;

json ParseJson(std::string_view text) {
    std::vector<std::set<std::string>> open_objects;
    bool doubled = false;
    auto watch = [&](int, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start) open_objects.emplace_back();
        if (event == json::parse_event_t::object_end) open_objects.pop_back();
        if (event == json::parse_event_t::key)
            doubled |= !open_objects.back().insert(parsed.get<std::string>()).second;
        return true;
    };
    json document = json::parse(text, watch, /*allow_exceptions=*/false);
    return doubled ? json(json::value_t::discarded) : document;
}

std::string ToLine(const json& document) {
    return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string ToIndented(const json& document) {
    return document.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace agri::base

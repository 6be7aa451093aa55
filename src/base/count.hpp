// Counted things in messages: "1 page", "2 pages".
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace agri::base {

// `count` and the word for one `thing`, with an s for any other number of them.
inline std::string Count(uint64_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

}  // namespace agri::base

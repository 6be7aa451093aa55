// Standard output and standard error, without the C library's buffers: nothing is lost at the exit,
// and what a signal interrupts is written on.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/error.hpp"

namespace agri::cli {

// Opens what the caller left closed: the next file would take its number, and the text would go
// into that.
void HoldStandardDescriptors();
// A failure is kept for OutputState().
void WriteOut(std::string_view text);
// A failure is not reported: there is no place left for it.
void WriteErr(std::string_view text);

template <typename... Arguments>
void Print(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    WriteOut(fmt::format(format, std::forward<Arguments>(arguments)...));
}
template <typename... Arguments>
void PrintErr(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    WriteErr(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// The first failure of standard output: whoever reads it has not all of it. One who stops reading
// (head) does not count.
base::Status OutputState();

}  // namespace agri::cli

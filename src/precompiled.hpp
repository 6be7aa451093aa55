// Precompiled once for all layers: standard and library headers alone, so that it hides no layering.
// Parsing these anew took more than half of the build's time. It is used by the build, never included.
#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/message_lite.h>
#include <google/protobuf/repeated_field.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

// What every formatted message instantiates is compiled once, in fmt's own library or in src/base/log.cpp.
#if FMT_VERSION < 110000
extern template void fmt::detail::vformat_to<char>(fmt::detail::buffer<char>&, fmt::string_view,
                                                   fmt::format_args, fmt::detail::locale_ref);
#endif

// Loggers over stderr. They are built by hand rather than by spdlog's factories, which would enter
// them into a global registry and make two loggers of one name an error.
#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

// See src/precompiled.hpp: fmt 9 has this in its library, between that and fmt 11 it is here.
#if FMT_VERSION >= 100000 && FMT_VERSION < 110000
template void fmt::detail::vformat_to<char>(fmt::detail::buffer<char>&, fmt::string_view,
                                            fmt::format_args, fmt::detail::locale_ref);
#endif

namespace agri::base {

LoggerPtr StderrLogger(const std::string& name, spdlog::level::level_enum level) {
    auto logger = std::make_shared<Logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%d %H:%M:%S.%e UTC [%P] %l %n: %v", spdlog::pattern_time_type::utc));
    logger->set_level(level);
    // The last line before a crash is the one that is needed.
    logger->flush_on(spdlog::level::trace);
    return logger;
}

LoggerPtr NullLogger() {
    auto logger = std::make_shared<Logger>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
    logger->set_level(spdlog::level::off);
    return logger;
}

}  // namespace agri::base

// Loggers: base/log.hpp.
#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace agri::base {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(StderrLogger, Line_CarriesUtcPidLevelAndName) {
    testing::internal::CaptureStderr();
    StderrLogger("archiver", spdlog::level::info)->warn("segment {} is late", 7);
    const std::string line = testing::internal::GetCapturedStderr();
    EXPECT_THAT(line, ContainsRegex("^[0-9-]+ [0-9:.]+ UTC \\[[0-9]+\\] warning archiver: "
                                    "segment 7 is late\n$"));
    EXPECT_THAT(line, HasSubstr(fmt::format("[{}]", getpid())));
}

TEST(StderrLogger, BelowItsLevel_IsSilent) {
    testing::internal::CaptureStderr();
    StderrLogger("x", spdlog::level::warn)->info("quiet");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(StderrLogger, TwoOfOneName_AreIndependentAndUnregistered) {
    const LoggerPtr first = StderrLogger("same", spdlog::level::info);
    const LoggerPtr second = StderrLogger("same", spdlog::level::err);
    EXPECT_EQ(first->level(), spdlog::level::info);
    EXPECT_EQ(spdlog::get("same"), nullptr);
}

TEST(NullLogger, AnyLevel_IsSilent) {
    testing::internal::CaptureStderr();
    NullLogger()->critical("nothing");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace agri::base

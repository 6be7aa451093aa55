#include "wal/history_file.hpp"

#include <gtest/gtest.h>

#include "golden.hpp"

namespace agri::wal {
namespace {

using base::Lsn;
using base::TimelineId;

constexpr char kThree[] =
    "1\t0/5000000\tno recovery target specified\n"
    "\n"
    "# a comment\n"
    "2\t0/7000100\tbefore transaction 789 at 2026-01-01\n";

TimelineHistory Three() {
    auto history = TimelineHistory::Parse({3}, kThree);
    EXPECT_TRUE(history) << history.error().ToString();
    return *history;
}

TEST(TimelineHistory, ServersFiles_AreWrittenAsRead) {
    for (int version : golden::kVersions) {
        const std::string text = golden::ReadText(version, "00000002.history");
        auto history = TimelineHistory::Parse({2}, text);
        ASSERT_TRUE(history);
        EXPECT_EQ(history->Format(), text);
        ASSERT_EQ(history->ancestors().size(), 1u);
        EXPECT_EQ(history->ancestors()[0].reason, "no recovery target specified");
    }
}

TEST(TimelineHistory, TimelineAt_SwitchPoint_BelongsToTheChild) {
    const TimelineHistory history = Three();
    EXPECT_EQ(history.TimelineAt({0}).value, 1u);
    EXPECT_EQ(history.TimelineAt({0x4FFFFFF}).value, 1u);
    EXPECT_EQ(history.TimelineAt({0x5000000}).value, 2u);
    EXPECT_EQ(history.TimelineAt({0x70000FF}).value, 2u);
    EXPECT_EQ(history.TimelineAt({0x7000100}).value, 3u);
}

TEST(TimelineHistory, SegmentAt_SegmentOfASwitch_IsTheChilds) {
    const TimelineHistory history = Three();
    const uint64_t size = 1 << 24;
    EXPECT_EQ(history.SegmentAt(4, size).FileName(size), "000000010000000000000004");
    EXPECT_EQ(history.SegmentAt(5, size).FileName(size), "000000020000000000000005");
    EXPECT_EQ(history.SegmentAt(6, size).FileName(size), "000000020000000000000006");
    EXPECT_EQ(history.SegmentAt(7, size).FileName(size), "000000030000000000000007");
}

TEST(TimelineHistory, Ranges_OfEachTimeline) {
    const TimelineHistory history = Three();
    EXPECT_EQ(history.BeginOf({1}), Lsn{0});
    EXPECT_EQ(history.BranchPointOf({1}), Lsn{0x5000000});
    EXPECT_EQ(history.BeginOf({3}), Lsn{0x7000100});
    EXPECT_EQ(history.BranchPointOf({3}), std::nullopt);
    EXPECT_EQ(history.BeginOf({4}), std::nullopt);
    EXPECT_TRUE(history.Contains({2}));
    EXPECT_FALSE(history.Contains({4}));
    EXPECT_TRUE(history.Includes({1}, {0x5000000}));
    EXPECT_FALSE(history.Includes({1}, {0x5000001}));
    EXPECT_FALSE(history.Includes({2}, {0x4000000}));
    EXPECT_TRUE(history.Includes({3}, {0x9000000}));
    EXPECT_FALSE(history.Includes({9}, {0x5000000}));
}

TEST(TimelineHistory, Branch_MakesTheChildsFile) {
    auto child = Three().Branch({5}, {0x8000028}, "by hand");
    ASSERT_TRUE(child);
    EXPECT_EQ(child->timeline().value, 5u);
    auto again = TimelineHistory::Parse({5}, child->Format());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->Format(), child->Format());
    EXPECT_EQ(again->TimelineAt({0x8000028}).value, 5u);
    EXPECT_FALSE(Three().Branch({3}, {0x8000000}, ""));
    EXPECT_FALSE(Three().Branch({4}, {0x7000000}, ""));
    EXPECT_FALSE(Three().Branch({4}, {0x8000000}, "two\nlines"));
}

TEST(TimelineHistory, FirstTimeline_HasNoFile) {
    const TimelineHistory first{TimelineId{1}};
    EXPECT_EQ(first.Format(), "");
    EXPECT_EQ(first.TimelineAt({0x123456789}).value, 1u);
    EXPECT_TRUE(TimelineHistory::Parse({2}, "").has_value());
}

TEST(TimelineHistory, Parse_WhatTheServerRefuses_NamesTheLine) {
    struct Case {
        const char* text;
        const char* message;
    };
    for (const Case& each : {
             Case{"x\t0/1\tr\n", "line 1: expected a numeric timeline ID"},
             Case{"1x\t0/1\tr\n", "line 1: expected a numeric timeline ID"},
             Case{"0\t0/1\tr\n", "line 1: expected a numeric timeline ID"},
             Case{"-1\t0/1\tr\n", "line 1: expected a numeric timeline ID"},
             Case{"99999999999\t0/1\tr\n", "line 1: expected a numeric timeline ID"},
             Case{"1\n", "line 1: expected a write-ahead log switchpoint location"},
             Case{"1\t01\n", "line 1: expected a write-ahead log switchpoint location"},
             Case{"1\t0/1\tr\n1\t0/2\tr\n", "line 2: timeline IDs must be in increasing sequence"},
             Case{"1\t0/9\tr\n2\t0/2\tr\n", "line 2: switchpoint locations must not descend"},
             Case{"9\t0/1\tr\n", "line 1: timeline IDs must be less than child timeline's ID"},
         }) {
        auto history = TimelineHistory::Parse({9}, each.text);
        ASSERT_FALSE(history) << each.text;
        EXPECT_EQ(history.error().message,
                  std::string("timeline history file 00000009.history, ") + each.message);
        EXPECT_EQ(history.error().code, base::ErrorCode::kCorrupt);
    }
    EXPECT_FALSE(TimelineHistory::Parse({9}, std::string_view("1\t0/1\ta\0b\n", 10)));
}

}  // namespace
}  // namespace agri::wal

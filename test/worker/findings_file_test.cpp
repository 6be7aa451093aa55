#include "worker/findings_file.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/temporary_folder.hpp"

namespace agri::worker {
namespace {

class FindingsFileTest : public testing::Test {
   protected:
    nlohmann::json Written() {
        return nlohmann::json::parse(
            base::AsText(*base::ReadWholeFile(folder_ / "rows.json", 1u << 30)));
    }
    test::TemporaryFolder folder_;
};

TEST_F(FindingsFileTest, Finish_SomeFindings_RowsInOrderEmptyIsNull) {
    auto file = FindingsFile::Create(folder_ / "rows.json");
    file->Add({"b1", "packs/aa", "error", "it is damaged: \"\xff\"", "Take a backup."});
    file->Add({"", "wal/x", "warning", "it is missing", ""});
    EXPECT_EQ(*file->Finish(), 2u);
    const auto rows = Written();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0]["backup_id"], "b1");
    EXPECT_EQ(rows[0]["hint"], "Take a backup.");
    EXPECT_TRUE(rows[1]["backup_id"].is_null());
    EXPECT_EQ(rows[1]["problem"], "it is missing");
    EXPECT_EQ(folder_.CountEntries(), 1u);
}

TEST_F(FindingsFileTest, Finish_TooMany_LastRowSaysHowManyWereLeftOut) {
    auto file = FindingsFile::Create(folder_ / "rows.json");
    for (uint64_t i = 0; i < FindingsFile::kMostRows + 7; ++i)
        file->Add({"b", "o", "error", "p", ""});
    EXPECT_EQ(*file->Finish(), FindingsFile::kMostRows + 1);
    EXPECT_EQ(Written().back()["problem"], "7 more findings were left out");
}

TEST_F(FindingsFileTest, NotFinished_LeavesNothing) {
    { auto given_up = FindingsFile::Create(folder_ / "rows.json"); }
    EXPECT_EQ(folder_.CountEntries(), 0u);
    ASSERT_EQ(mkdir((folder_ / "rows.json").c_str(), 0700), 0);
    {
        auto in_the_way = FindingsFile::Create(folder_ / "rows.json");
        EXPECT_FALSE(in_the_way->Finish());
    }
    EXPECT_EQ(folder_.CountEntries(), 1u);
}

}  // namespace
}  // namespace agri::worker

#include "worker/ready_folder.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "base/temporary_folder.hpp"

namespace agri::worker {
namespace {

class ReadyFolderTest : public testing::Test {
   protected:
    void Add(const std::string& name) {
        ASSERT_TRUE(base::ReplaceFileNoSync(folder_ / name, {}, 0600).has_value());
    }
    ReadyFiles Read(size_t limit) { return *ReadReadyFolder(folder_.path(), 16u << 20, limit); }

    test::TemporaryFolder folder_;
};

TEST_F(ReadyFolderTest, Read_MixedFiles_HistoryFirstThenOldest) {
    for (const char* name :
         {"000000010000000000000005.ready", "000000010000000000000004.ready",
          "00000002.history.ready", "000000010000000000000003.done",
          "000000010000000000000004.00000028.backup.ready",
          "000000010000000000000006.partial.ready", "garbage.ready", "000000010000000000000007"})
        Add(name);
    const ReadyFiles ready = Read(100);
    EXPECT_EQ(ready.first, (std::vector<std::string>{"00000002.history", "000000010000000000000004",
                                                     "000000010000000000000004.00000028.backup",
                                                     "000000010000000000000005",
                                                     "000000010000000000000006.partial"}));
    EXPECT_TRUE(ready.complete);
    EXPECT_EQ(ready.files, 5u);
    EXPECT_EQ(ready.segments, 3u);
    EXPECT_EQ(ready.newest_segment, 7u);
}

TEST_F(ReadyFolderTest, Read_MoreThanTheLimit_KeepsTheFirstAndCountsAll) {
    for (int i = 9; i >= 0; --i) Add(fmt::format("00000001000000000000000{}.ready", i));
    Add("00000002.history.ready");
    const ReadyFiles ready = Read(3);
    EXPECT_EQ(ready.first, (std::vector<std::string>{"00000002.history", "000000010000000000000000",
                                                     "000000010000000000000001"}));
    EXPECT_FALSE(ready.complete);
    EXPECT_EQ(ready.files, 11u);
}

TEST_F(ReadyFolderTest, Read_NoFolder_NotFound) {
    auto ready = ReadReadyFolder(folder_ / "absent", 16u << 20, 1);
    ASSERT_FALSE(ready.has_value());
    EXPECT_EQ(ready.error().code, base::ErrorCode::kNotFound);
}

TEST_F(ReadyFolderTest, Watch_FileAppears_BecomesReadable) {
    ReadyWatch watch(folder_.path());
    pollfd polled{watch.fd(), POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, 0), 0);
    Add("000000010000000000000005.ready");
    EXPECT_EQ(poll(&polled, 1, 10000), 1);
    watch.Drain();
    EXPECT_EQ(poll(&polled, 1, 0), 0);
}

}  // namespace
}  // namespace agri::worker

// Files: base/file.hpp. Power loss itself is not simulated here; storage/'s suite does that behind
// its own door to the system calls.
#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/temporary_folder.hpp"

namespace agri::base {
namespace {

using agri::test::TemporaryFolder;
namespace fs = std::filesystem;

class FileTest : public testing::Test {
   protected:
    std::string Content(const std::string& path) {
        auto bytes = ReadWholeFile(path, 1 << 24);
        return bytes ? std::string(AsText(*bytes)) : bytes.error().ToString();
    }
    mode_t Mode(const std::string& path) {
        struct stat status {};
        EXPECT_EQ(stat(path.c_str(), &status), 0);
        return status.st_mode & 07777;
    }
    TemporaryFolder folder_;
};

using FdTest = FileTest;

TEST_F(FdTest, Destruction_ClosesTheDescriptor) {
    int number;
    {
        const Fd fd = OpenFile(folder_.path(), O_RDONLY).value();
        number = fd.get();
        EXPECT_GE(fcntl(number, F_GETFD), 0);
    }
    EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST_F(FdTest, MoveAssignment_ClosesTheOldAndEmptiesTheSource) {
    Fd target = OpenFile(folder_.path(), O_RDONLY).value();
    Fd source = OpenFile(folder_.path(), O_RDONLY).value();
    const int old_number = target.get(), new_number = source.get();
    target = std::move(source);
    EXPECT_EQ(target.get(), new_number);
    EXPECT_EQ(fcntl(old_number, F_GETFD), -1);
}

TEST_F(FileTest, OpenFile_SetsCloseOnExec) {
    const Fd fd = OpenFile(folder_.path(), O_RDONLY).value();
    EXPECT_NE(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(FileTest, OpenFile_MissingFile_IsNotFoundAndNamesIt) {
    const auto fd = OpenFile(folder_ / "absent", O_RDONLY);
    ASSERT_FALSE(fd);
    EXPECT_EQ(fd.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(fd.error().message,
              "could not open file \"" + (folder_ / "absent") + "\": No such file or directory");
}

TEST_F(FileTest, OpenFileAt_ExistingNameWithExcl_IsAlreadyExistsUnderTheGivenName) {
    ASSERT_TRUE(ReplaceFile(folder_ / "a", AsBytes("x"), 0600));
    const Fd directory = OpenFile(folder_.path(), O_RDONLY | O_DIRECTORY).value();
    const auto fd = OpenFileAt(directory.get(), "a", O_WRONLY | O_CREAT | O_EXCL, 0600, "shown/a");
    ASSERT_FALSE(fd);
    EXPECT_EQ(fd.error().code, ErrorCode::kAlreadyExists);
    EXPECT_NE(fd.error().message.find("\"shown/a\""), std::string::npos);
}

TEST_F(FileTest, ReadAt_AcrossTheEnd_ReturnsWhatIsThere) {
    ASSERT_TRUE(ReplaceFile(folder_ / "a", AsBytes("0123456789"), 0600));
    const Fd fd = OpenFile(folder_ / "a", O_RDONLY).value();
    Bytes out(8);
    EXPECT_EQ(ReadAt(fd.get(), 6, out, "a").value(), 4U);
    EXPECT_EQ(AsText(ByteView(out).first(4)), "6789");
    EXPECT_EQ(ReadAt(fd.get(), 10, out, "a").value(), 0U);
}

TEST_F(FileTest, WriteAllAt_LeavesTheRestAlone) {
    ASSERT_TRUE(ReplaceFile(folder_ / "a", AsBytes("0123456789"), 0600));
    const Fd fd = OpenFile(folder_ / "a", O_RDWR).value();
    ASSERT_TRUE(WriteAllAt(fd.get(), 4, AsBytes("xy"), "a"));
    EXPECT_EQ(Content(folder_ / "a"), "0123xy6789");
}

// A pipe gives and takes fewer bytes than asked for; both sides must go on.
TEST_F(FileTest, WriteAllAndReadSome_ShortCounts_TransferEverything) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    Fd reader(ends[0]), writer(ends[1]);
    const Bytes sent(300000, std::byte{0x5A});
    std::thread sender([&] {
        EXPECT_TRUE(WriteAll(writer.get(), sent, "pipe"));
        writer.Reset();
    });
    Bytes received(sent.size() + 10);
    EXPECT_EQ(ReadSome(reader.get(), received, "pipe").value(), sent.size());
    sender.join();
    received.resize(sent.size());
    EXPECT_EQ(received, sent);
}

TEST_F(FileTest, WriteAll_FullDevice_IsNoSpace) {
    const Fd full = OpenFile("/dev/full", O_WRONLY).value();
    const Status status = WriteAll(full.get(), AsBytes("x"), "/dev/full");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(status.error().message,
              "could not write file \"/dev/full\": No space left on device");
}

TEST_F(FileTest, WriteAll_ReadOnlyDescriptor_IsIo) {
    const Fd fd = OpenFile("/dev/null", O_RDONLY).value();
    EXPECT_EQ(WriteAllAt(fd.get(), 0, AsBytes("x"), "f").error().code, ErrorCode::kIo);
}

TEST_F(FileTest, ReadSome_Directory_IsIo) {
    const Fd fd = OpenFile(folder_.path(), O_RDONLY).value();
    Bytes out(1);
    EXPECT_EQ(ReadSome(fd.get(), out, "d").error().code, ErrorCode::kIo);
}

TEST_F(FileTest, SyncFile_Failure_SaysThatDataMayNotBeOnDisk) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const Fd reader(ends[0]), writer(ends[1]);
    const Status status = SyncFile(writer.get(), "pipe");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kIo);
    EXPECT_NE(status.error().detail.find("not be on disk"), std::string::npos);
}

TEST_F(FileTest, SyncDirectory_MissingFolder_IsNotFound) {
    EXPECT_EQ(SyncDirectory(folder_ / "absent").error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(SyncDirectory(folder_.path()));
}

TEST_F(FileTest, CreateDirectories_MissingLevels_AreMadePrivate) {
    ASSERT_TRUE(CreateDirectories(folder_ / "a/./b//c/"));
    EXPECT_TRUE(fs::is_directory(folder_ / "a/b/c"));
    EXPECT_EQ(Mode(folder_ / "a"), 0700U);
    EXPECT_EQ(Mode(folder_ / "a/b/c"), 0700U);
    EXPECT_TRUE(CreateDirectories(folder_ / "a/b/c"));
}

TEST_F(FileTest, CreateDirectories_FileInTheWay_IsAnError) {
    ASSERT_TRUE(ReplaceFile(folder_ / "a", AsBytes("x"), 0600));
    EXPECT_EQ(CreateDirectories(folder_ / "a").error().code, ErrorCode::kAlreadyExists);
    EXPECT_FALSE(CreateDirectories(folder_ / "a/b"));
}

TEST_F(FileTest, CreateDirectories_LinkToAFolder_IsFollowed) {
    ASSERT_EQ(mkdir((folder_ / "real").c_str(), 0700), 0);
    fs::create_directory_symlink(folder_ / "real", folder_ / "link");
    ASSERT_TRUE(CreateDirectories(folder_ / "link/b"));
    EXPECT_TRUE(fs::is_directory(folder_ / "real/b"));
}

TEST_F(FileTest, ReadWholeFile_SizesAroundTheStep_ReadsAll) {
    for (size_t size : {0, 1, 65535, 65536, 65537, 200000}) {
        const Bytes data(size, std::byte{7});
        ASSERT_TRUE(ReplaceFileNoSync(folder_ / "a", data, 0600));
        EXPECT_EQ(ReadWholeFile(folder_ / "a", size).value(), data);
    }
}

TEST_F(FileTest, ReadWholeFile_AboveTheLimit_IsRefused) {
    ASSERT_TRUE(ReplaceFileNoSync(folder_ / "a", AsBytes("12345"), 0600));
    const auto bytes = ReadWholeFile(folder_ / "a", 4);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(ReadWholeFile("/dev/zero", 1000).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(FileTest, ReadWholeFile_FileWithoutASize_ReadsAll) {
    EXPECT_FALSE(Content("/proc/self/status").empty());
}

TEST_F(FileTest, ReplaceFile_ExistingFile_TakesNewContentAndMode) {
    const mode_t umask_before = umask(077);
    ASSERT_TRUE(ReplaceFile(folder_ / "a", AsBytes("old"), 0600));
    ASSERT_TRUE(ReplaceFile(folder_ / "a", AsBytes("new"), 0640));
    umask(umask_before);
    EXPECT_EQ(Content(folder_ / "a"), "new");
    EXPECT_EQ(Mode(folder_ / "a"), 0640U);
    EXPECT_EQ(folder_.CountEntries(), 1U);
}

TEST_F(FileTest, ReplaceFile_RelativeName_IsWrittenInTheCurrentFolder) {
    const fs::path before = fs::current_path();
    fs::current_path(folder_.path());
    const Status status = ReplaceFile("plain", AsBytes("x"), 0600);
    fs::current_path(before);
    ASSERT_TRUE(status);
    EXPECT_EQ(Content(folder_ / "plain"), "x");
}

TEST_F(FileTest, ReplaceFile_MissingFolder_IsNotFound) {
    EXPECT_EQ(ReplaceFile(folder_ / "no/a", AsBytes("x"), 0600).error().code, ErrorCode::kNotFound);
}

TEST_F(FileTest, ReplaceFile_FolderUnderThatName_FailsAndLeavesNothingBehind) {
    ASSERT_EQ(mkdir((folder_ / "a").c_str(), 0700), 0);
    EXPECT_FALSE(ReplaceFile(folder_ / "a", AsBytes("x"), 0600));
    EXPECT_FALSE(ReplaceFileNoSync(folder_ / "a", AsBytes("x"), 0600));
    EXPECT_EQ(folder_.CountEntries(), 1U);
}

TEST_F(FileTest, CreateFileExclusively_AbsentName_HasContentAndMode) {
    ASSERT_TRUE(CreateFileExclusively(folder_ / "a", AsBytes("first"), 0644));
    EXPECT_EQ(Content(folder_ / "a"), "first");
    EXPECT_EQ(Mode(folder_ / "a"), 0644U);
    EXPECT_EQ(folder_.CountEntries(), 1U);
}

TEST_F(FileTest, CreateFileExclusively_ExistingName_KeepsTheOldContent) {
    ASSERT_TRUE(CreateFileExclusively(folder_ / "a", AsBytes("first"), 0600));
    const Status second = CreateFileExclusively(folder_ / "a", AsBytes("second"), 0600);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(Content(folder_ / "a"), "first");
    EXPECT_EQ(folder_.CountEntries(), 1U);
}

TEST_F(FileTest, CreateFileExclusively_DanglingLink_IsNotFollowed) {
    fs::create_symlink(folder_ / "elsewhere", folder_ / "a");
    EXPECT_EQ(CreateFileExclusively(folder_ / "a", AsBytes("x"), 0600).error().code,
              ErrorCode::kAlreadyExists);
    EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
}

TEST_F(FileTest, CreateFileExclusively_Race_HasOneWinnerWhoseContentStays) {
    std::atomic<int> winners{0};
    std::atomic<char> winner{'?'};
    std::vector<std::thread> racers;
    for (char name : {'a', 'b', 'c', 'd'})
        racers.emplace_back([&, name] {
            if (CreateFileExclusively(folder_ / "prize", AsBytes({&name, 1}), 0600)) {
                ++winners;
                winner = name;
            }
        });
    for (std::thread& racer : racers) racer.join();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(Content(folder_ / "prize"), std::string(1, winner));
    EXPECT_EQ(folder_.CountEntries(), 1U);
}

}  // namespace
}  // namespace agri::base

// Files: base/file.hpp. Power loss itself is not simulated here; storage/'s suite does that behind
// its own door to the system calls.
#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "base/child.hpp"
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

// A pipe whose ends are used by threads that signals interrupt again and again: a call that has
// moved nothing yet returns EINTR, and one that has moved something returns less than it was asked
// for.
class InterruptedPipeTest : public testing::Test {
   protected:
    InterruptedPipeTest() {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        reader_ = Fd(ends[0]);
        writer_ = Fd(ends[1]);
        capacity_ = static_cast<size_t>(fcntl(ends[1], F_GETPIPE_SZ));
        struct sigaction action {};
        action.sa_handler = [](int) { ++signals_; };
        sigaction(SIGUSR1, &action, &before_);
    }
    ~InterruptedPipeTest() override { sigaction(SIGUSR1, &before_, nullptr); }

    // Runs `body` in a thread, which is interrupted until `meanwhile` (called after every signal)
    // says that this is enough, or `body` ends.
    static void RunInterrupted(const std::function<void()>& body,
                               const std::function<bool()>& meanwhile) {
        std::atomic<bool> has_ended{false};
        std::thread thread([&] {
            body();
            has_ended = true;
        });
        do {
            pthread_kill(thread.native_handle(), SIGUSR1);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        } while (!meanwhile() && !has_ended);
        thread.join();
    }
    static bool HaveCome(int signals) { return signals_ >= signals; }
    Bytes Sample() const {
        Bytes sample(capacity_ * 3);
        for (size_t i = 0; i < sample.size(); ++i) sample[i] = static_cast<std::byte>(i % 251);
        return sample;
    }

    static constexpr int kManySignals = 20;
    Fd reader_, writer_;
    size_t capacity_ = 0;
    static inline std::atomic<int> signals_{0};
    struct sigaction before_ {};
};

TEST_F(InterruptedPipeTest, WriteAll_ShortCountsAndInterruptions_WritesEverything) {
    const Bytes sent = Sample();
    ssize_t first = 0, second = 0;
    int second_errno = 0;
    RunInterrupted(
        [&] {
            first = write(writer_.get(), sent.data(), sent.size());
            second = write(writer_.get(), sent.data(), sent.size());
            second_errno = errno;
        },
        [] { return false; });
    ASSERT_EQ(first, static_cast<ssize_t>(capacity_)) << "what write(2) itself does here";
    ASSERT_EQ(second, -1);
    ASSERT_EQ(second_errno, EINTR);

    Bytes received(capacity_);
    ASSERT_EQ(ReadSome(reader_.get(), received, "pipe").value(), capacity_);
    received.resize(sent.size() + 1);
    size_t count = 0;
    signals_ = 0;
    RunInterrupted(
        [&] {
            EXPECT_TRUE(WriteAll(writer_.get(), sent, "pipe"));
            writer_.Reset();
        },
        [&] {
            if (!HaveCome(kManySignals)) return false;
            count = ReadSome(reader_.get(), received, "pipe").value();
            return true;
        });
    received.resize(count);
    EXPECT_EQ(received, sent);
}

TEST_F(InterruptedPipeTest, ReadSome_ShortCountsAndInterruptions_ReadsEverything) {
    const Bytes sent = Sample();
    Bytes received(sent.size() + 1);
    ssize_t first = 0;
    int first_errno = 0;
    RunInterrupted(
        [&] {
            first = read(reader_.get(), received.data(), received.size());
            first_errno = errno;
        },
        [] { return false; });
    ASSERT_EQ(first, -1) << "what read(2) itself does here";
    ASSERT_EQ(first_errno, EINTR);

    size_t count = 0, written = 0;
    signals_ = 0;
    RunInterrupted([&] { count = ReadSome(reader_.get(), received, "pipe").value(); },
                   [&] {
                       if (!HaveCome(kManySignals)) return false;
                       // Less than was asked for, so that more than one call is needed.
                       const ByteView part = ByteView(sent).subspan(written, capacity_ / 2);
                       EXPECT_TRUE(WriteAll(writer_.get(), part, "pipe"));
                       written += part.size();
                       if (written == sent.size()) writer_.Reset();
                       return written == sent.size();
                   });
    received.resize(count);
    EXPECT_EQ(received, sent);
}

// A short count is followed by the error that made it short; a file that may grow no more gives
// both.
TEST_F(FileTest, WriteAll_ShortCountThenError_IsTheError) {
    constexpr rlim_t kLongest = 10000;
    const Bytes sent(kLongest + 5000, std::byte{0x5A});
    test::Child child([&] {
        signal(SIGXFSZ, SIG_IGN);
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = kLongest;
        setrlimit(RLIMIT_FSIZE, &limit);
        const Fd fd = OpenFile(folder_ / "a", O_RDWR | O_CREAT).value();
        if (write(fd.get(), sent.data(), sent.size()) != kLongest) return 1;
        const Status at = WriteAllAt(fd.get(), 5000, sent, "shown");
        if (at || at.error().message != "could not write file \"shown\": File too large") return 2;
        lseek(fd.get(), 5000, SEEK_SET);
        const Status rest = WriteAll(fd.get(), sent, "shown");
        return rest || rest.error().message != at.error().message ? 3 : 0;
    });
    EXPECT_EQ(child.AwaitExit(), 0);
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

TEST_F(FileTest, ReadFileIfPresent_AbsentIsNone_UnreadableIsAnError) {
    ASSERT_TRUE(ReplaceFileNoSync(folder_ / "a", AsBytes("12345"), 0600));
    EXPECT_EQ(AsText(*ReadFileIfPresent(folder_ / "a", 5).value()), "12345");
    EXPECT_FALSE(ReadFileIfPresent(folder_ / "b", 5).value());
    // A folder in its place opens and cannot be read.
    EXPECT_EQ(ReadFileIfPresent(folder_.path(), 5).error().code, ErrorCode::kIo);
    EXPECT_EQ(ReadFileIfPresent(folder_ / "a", 4).error().code, ErrorCode::kInvalidArgument);
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

TEST_F(FileTest, RealPath_LinksAndMissingEnd_AreResolvedAndKept) {
    const auto real = RealPath(folder_.path());
    ASSERT_TRUE(real);
    std::filesystem::create_directory_symlink(folder_.path(), folder_.path() + "/link");
    EXPECT_EQ(RealPath(folder_.path() + "/link/none/../file"), *real + "/file");
}

TEST_F(FileTest, RealPath_ALoop_IsAnErrorThatNamesIt) {
    std::filesystem::create_symlink("loop", folder_.path() + "/loop");
    const auto real = RealPath(folder_.path() + "/loop");
    ASSERT_FALSE(real);
    EXPECT_NE(real.error().message.find("loop"), std::string::npos);
}

}  // namespace
}  // namespace agri::base

// Who is dead and who is not: a wrong "dead" costs a living writer its work.
#include "storage/posix_litter.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_folder.hpp"
#include "storage/posix_storage.hpp"

namespace agri::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using storage::IsLitter;
using storage::IsProcessGone;
using storage::PosixStorage;
using storage::ThisProcess;
using storage::WriterIdentity;

WriterIdentity Self() { return {"host", "boot", "1", 100, 200}; }
bool Gone(uint64_t, uint64_t) { return true; }
bool Alive(uint64_t, uint64_t) { return false; }

TEST(WriterIdentityTest, FileName_Parsed_IsTheSameWriter) {
    WriterIdentity self = ThisProcess();
    EXPECT_EQ(WriterIdentity::Parse(self.FileName(7)), self);
    EXPECT_EQ(WriterIdentity::Parse(self.FileName(UINT64_MAX)), self);
    EXPECT_EQ(self.pid, static_cast<uint64_t>(getpid()));
    EXPECT_NE(self.start_ticks, 0u);
    EXPECT_EQ(self.boot.size(), 32u);
}

TEST(WriterIdentityTest, Parse_OtherForms_AreNobody) {
    for (const char* name : {"", "x", "a-b-c-d-e-f", "a-b-1-2-3", "a-b-1-2-3-4-5", "a-b-1-x-3-4",
                             "a-b-1-2-3-", "a-b-1-99999999999999999999-3-4"})
        EXPECT_EQ(WriterIdentity::Parse(name), std::nullopt) << name;
}

TEST(IsLitterTest, OwnHostAndBoot_AsksForTheProcess) {
    WriterIdentity writer = Self();
    EXPECT_TRUE(IsLitter(writer, Self(), seconds(0), Gone));
    EXPECT_FALSE(IsLitter(writer, Self(), hours(24 * 365), Alive));
}

TEST(IsLitterTest, OwnHostOtherBoot_IsDeadOnceIdle) {
    WriterIdentity writer = Self();
    writer.boot = "earlier";
    EXPECT_TRUE(IsLitter(writer, Self(), hours(2), Alive));
    EXPECT_FALSE(IsLitter(writer, Self(), seconds(59 * 60), Gone));
}

TEST(IsLitterTest, OtherHostNamespaceOrName_IsDeadAfterAWeek) {
    WriterIdentity host = Self(), pid_namespace = Self();
    host.host = "other";
    pid_namespace.pid_namespace = "2";
    for (const std::optional<WriterIdentity>& writer :
         {std::optional(host), std::optional(pid_namespace), std::optional<WriterIdentity>()}) {
        EXPECT_FALSE(IsLitter(writer, Self(), hours(24 * 6), Gone));
        EXPECT_TRUE(IsLitter(writer, Self(), hours(24 * 8), Alive));
    }
}

TEST(IsProcessGoneTest, LivingAndReusedPids_AreToldApart) {
    WriterIdentity self = ThisProcess();
    EXPECT_FALSE(IsProcessGone(self.pid, self.start_ticks));
    EXPECT_TRUE(IsProcessGone(self.pid, self.start_ticks + 1));
    EXPECT_FALSE(IsProcessGone(self.pid, 0)) << "unknown start: not certain";
}

TEST(IsProcessGoneTest, ReapedChild_IsGone) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(IsProcessGone(static_cast<uint64_t>(child), 1));
}

class RemoveLitterTest : public testing::Test {
   protected:
    void Leave(const std::string& name, std::chrono::system_clock::duration age) {
        std::filesystem::create_directories(folder_ / ".tmp");
        std::string path = folder_ / (".tmp/" + name);
        std::ofstream(path) << "half an object";
        std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
    }
    std::vector<std::string> Left() {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / ".tmp"))
            names.push_back(entry.path().filename());
        return names;
    }
    TemporaryFolder folder_;
    std::unique_ptr<storage::Storage> storage_ = PosixStorage::Open(folder_.path()).value();
};

TEST_F(RemoveLitterTest, NothingEverWritten_IsNone) {
    EXPECT_EQ(storage_->RemoveLitter().value(), 0u);
}

TEST_F(RemoveLitterTest, KilledWriter_ItsFileIsRemoved) {
    pid_t child = fork();
    if (child == 0) {
        auto writer = PosixStorage::Open(folder_.path()).value()->Create("a/b").value();
        _exit(writer->Append(base::AsBytes("half")) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_EQ(Left().size(), 1u);
    EXPECT_EQ(storage_->RemoveLitter().value(), 1u);
    EXPECT_EQ(Left().size(), 0u);
    EXPECT_EQ(storage_->RemoveLitter().value(), 0u);
}

TEST_F(RemoveLitterTest, FilesOfOthers_GoByTheirAge) {
    WriterIdentity earlier_boot = ThisProcess(), other_host = ThisProcess();
    earlier_boot.boot = "0123456789abcdef0123456789abcdef";
    other_host.host = "another.example.org";
    Leave(earlier_boot.FileName(1), hours(2));
    Leave(earlier_boot.FileName(2), seconds(60));
    Leave(other_host.FileName(3), hours(24 * 8));
    Leave(other_host.FileName(4), hours(24));
    Leave("stranger", hours(24 * 8));
    EXPECT_EQ(storage_->RemoveLitter().value(), 3u);
    std::vector<std::string> left = Left(),
                             kept = {earlier_boot.FileName(2), other_host.FileName(4)};
    std::sort(left.begin(), left.end());
    std::sort(kept.begin(), kept.end());
    EXPECT_EQ(left, kept);
}

}  // namespace
}  // namespace agri::test

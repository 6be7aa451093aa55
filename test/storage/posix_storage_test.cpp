// What is particular to files and folders: modes, links, strangers' files, a vanished root, lost
// replies of a network filesystem.
#include "storage/posix_storage.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_folder.hpp"

namespace agri::test {
namespace {

namespace fs = std::filesystem;
using base::AsBytes;
using base::ErrorCode;
using storage::PosixCalls;
using storage::PosixStorage;
using storage::PutOutcome;
using storage::RealPosixCalls;

class PosixStorageTest : public testing::Test {
   protected:
    std::unique_ptr<storage::Storage> Open(PosixCalls calls = RealPosixCalls()) {
        return PosixStorage::Open(folder_.path(), std::move(calls)).value();
    }
    static base::Result<std::vector<std::string>> List(storage::Storage& storage) {
        std::vector<std::string> keys;
        AGRI_TRY(storage.List("", [&](const storage::ObjectInfo& object) -> base::Status {
            keys.push_back(object.key);
            return {};
        }));
        return keys;
    }
    static mode_t Mode(const std::string& path) {
        struct stat info {};
        EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
        return info.st_mode & 07777;
    }
    TemporaryFolder folder_;
    std::unique_ptr<storage::Storage> storage_ = Open();
};

TEST_F(PosixStorageTest, Put_FilesAndFolders_AreTheOwnersAlone) {
    mode_t previous = umask(0);
    ASSERT_TRUE(storage_->Put("a/b/object", AsBytes("x")));
    umask(previous);
    EXPECT_EQ(Mode(folder_ / "a"), 0700u);
    EXPECT_EQ(Mode(folder_ / "a/b"), 0700u);
    EXPECT_EQ(Mode(folder_ / ".tmp"), 0700u);
    EXPECT_EQ(Mode(folder_ / "a/b/object"), 0600u);
}

// `sudo agri_backup …` must leave nothing behind that the server cannot enter or read.
TEST_F(PosixStorageTest, Put_BySuperuser_BelongsToTheOwnerOfTheRoot) {
    PosixCalls calls = RealPosixCalls();
    calls.geteuid = [] { return uid_t{0}; };
    calls.fstat = [](int fd, struct stat* out) {
        const int result = fstat(fd, out);
        out->st_uid = 101;
        out->st_gid = 102;
        return result;
    };
    std::vector<std::string> given;
    calls.fchown = [&](int fd, uid_t owner, gid_t group) {
        EXPECT_EQ(owner, 101u);
        EXPECT_EQ(group, 102u);
        given.push_back(fs::read_symlink(fmt::format("/proc/self/fd/{}", fd)).filename());
        return 0;
    };
    auto storage = Open(calls);
    ASSERT_TRUE(storage->Put("a/b/object", AsBytes("x")));
    ASSERT_EQ(given.size(), 4u);
    EXPECT_EQ(given[0], ".tmp");
    EXPECT_EQ(given[2], "a");
    EXPECT_EQ(given[3], "b");
    given.clear();
    calls.geteuid = [] { return uid_t{101}; };
    ASSERT_TRUE(Open(calls)->Put("a/b/another", AsBytes("x")));
    EXPECT_TRUE(given.empty()) << "its owner itself";
    calls.geteuid = [] { return uid_t{0}; };
    calls.fchown = [](int, uid_t, gid_t) {
        errno = EPERM;
        return -1;
    };
    auto refused = Open(calls)->Put("a/b/third", AsBytes("x"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
    EXPECT_FALSE(fs::exists(folder_ / "a/b/third"));
}

TEST_F(PosixStorageTest, SymbolicLinks_InsideTheRepository_AreRefused) {
    TemporaryFolder elsewhere;
    ASSERT_TRUE(PosixStorage::Open(elsewhere.path()).value()->Put("object", AsBytes("x")));
    fs::create_directory_symlink(elsewhere.path(), folder_ / "folder");
    fs::create_symlink(elsewhere / "object", folder_ / "object");
    for (const char* key : {"folder/object", "object"}) {
        EXPECT_EQ(storage_->Open(key).error().code, ErrorCode::kUnsupported) << key;
        EXPECT_EQ(storage_->Stat(key).error().code, ErrorCode::kUnsupported) << key;
        EXPECT_EQ(storage_->Remove(key).error().code, ErrorCode::kUnsupported) << key;
        EXPECT_EQ(storage_->EnsureDurable(key).error().code, ErrorCode::kUnsupported) << key;
        EXPECT_EQ(storage_->Put(key, AsBytes("y")).error().code, ErrorCode::kUnsupported) << key;
    }
    EXPECT_EQ(storage_->Put("folder/new", AsBytes("y")).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(List(*storage_).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(storage_->Children("").error().code, ErrorCode::kUnsupported);
    EXPECT_TRUE(fs::exists(elsewhere / "object"));
    EXPECT_FALSE(fs::exists(elsewhere / "new"));
}

TEST_F(PosixStorageTest, SymbolicLink_AsTemporaryFolder_IsRefused) {
    TemporaryFolder elsewhere;
    fs::create_directory_symlink(elsewhere.path(), folder_ / ".tmp");
    EXPECT_EQ(storage_->Put("a", AsBytes("x")).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(storage_->RemoveLitter().error().code, ErrorCode::kUnsupported);
}

TEST_F(PosixStorageTest, SymbolicLink_ToTheRoot_IsFollowed) {
    TemporaryFolder elsewhere;
    fs::create_directory_symlink(folder_.path(), elsewhere / "link");
    auto storage = PosixStorage::Open(elsewhere / "link").value();
    EXPECT_EQ(storage->Put("a/b", AsBytes("x")), PutOutcome::kCreated);
    EXPECT_TRUE(fs::exists(folder_ / "a/b"));
}

TEST_F(PosixStorageTest, NamedPipe_AmongObjects_IsRefusedWithoutHanging) {
    ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(storage_->Open("pipe").error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(List(*storage_).error().code, ErrorCode::kUnsupported);
}

TEST_F(PosixStorageTest, List_NamesThatAreNoKeys_AreLeftOut) {
    ASSERT_TRUE(storage_->Put("object", AsBytes("x")));
    fs::create_directory(folder_ / "lost+found");
    fs::create_directory(folder_ / ".snapshot");
    std::ofstream(folder_ / ".nfs000000000000002a00000001") << "x";
    EXPECT_EQ(List(*storage_).value(), std::vector<std::string>{"object"});
    EXPECT_EQ(storage_->Children("").value(), std::vector<std::string>{"object"});
}

TEST_F(PosixStorageTest, List_FileSystemWithoutEntryTypes_AsksForThem) {
    PosixCalls calls = RealPosixCalls();
    calls.readdir = [](DIR* directory) {
        struct dirent* entry = readdir(directory);
        if (entry != nullptr) entry->d_type = DT_UNKNOWN;
        return entry;
    };
    auto storage = Open(calls);
    ASSERT_TRUE(storage->Put("a/b", AsBytes("x")));
    ASSERT_TRUE(storage->Put("c", AsBytes("x")));
    EXPECT_EQ(List(*storage).value(), (std::vector<std::string>{"a/b", "c"}));
}

TEST_F(PosixStorageTest, Put_KeyThatIsAFolder_IsConflict) {
    ASSERT_TRUE(storage_->Put("a/b", AsBytes("x")));
    EXPECT_EQ(storage_->Put("a", AsBytes("x")).error().code, ErrorCode::kConflict);
    EXPECT_EQ(storage_->Put("a/b/c", AsBytes("x")).error().code, ErrorCode::kConflict);
}

TEST_F(PosixStorageTest, Root_MissingOrNoFolder_IsNotInitialized) {
    auto missing = PosixStorage::Open(folder_ / "missing");
    EXPECT_EQ(missing.error().code, ErrorCode::kNotInitialized);
    EXPECT_NE(missing.error().hint.find("mounted"), std::string::npos);
    EXPECT_FALSE(fs::exists(folder_ / "missing"));
    std::ofstream(folder_ / "file") << "x";
    EXPECT_EQ(PosixStorage::Open(folder_ / "file").error().code, ErrorCode::kNotInitialized);
}

TEST_F(PosixStorageTest, Root_RemovedOrReplaced_IsNeverAnEmptyRepository) {
    for (bool replaced : {false, true}) {
        auto storage = storage::CreateStorage("file://" + folder_ / "root").value();
        ASSERT_TRUE(storage->Put("a/b", AsBytes("x")));
        fs::remove_all(folder_ / "root");
        if (replaced) fs::create_directory(folder_ / "root");
        EXPECT_EQ(storage->Open("a/b").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->Stat("none").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(List(*storage).error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->Children("").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->Children("a/").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->Put("c", AsBytes("x")).error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->Remove("a/b").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->EnsureDurable("a/b").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->RemoveLitter().error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(storage->Space().error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(fs::exists(folder_ / "root"), replaced);
        EXPECT_TRUE(!replaced || fs::is_empty(folder_ / "root"));
    }
}

TEST_F(PosixStorageTest, Reader_ObjectCutAfterOpen_EndsEarly) {
    ASSERT_TRUE(storage_->Put("a", AsBytes("0123456789")));
    auto reader = storage_->Open("a").value();
    fs::resize_file(folder_ / "a", 5);
    base::Bytes out(10);
    EXPECT_EQ(reader->Read(0, out).error().code, ErrorCode::kCorrupt);
}

TEST_F(PosixStorageTest, Remove_LastObjectOfAFolder_RemovesTheFolder) {
    ASSERT_TRUE(storage_->Put("a/b/c", AsBytes("x")));
    ASSERT_TRUE(storage_->Put("a/d", AsBytes("x")));
    ASSERT_TRUE(storage_->Remove("a/b/c"));
    EXPECT_FALSE(fs::exists(folder_ / "a/b"));
    EXPECT_TRUE(fs::exists(folder_ / "a/d"));
}

TEST_F(PosixStorageTest, Writer_AfterAFailedWrite_StaysFailed) {
    PosixCalls calls = RealPosixCalls();
    int writes = 0;
    calls.write = [&writes](int fd, const void* data, size_t bytes) -> ssize_t {
        return ++writes == 1 ? 0 : write(fd, data, bytes);
    };
    auto writer = Open(calls)->Create("a").value();
    EXPECT_EQ(writer->Append(AsBytes("x")).error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(writer->Append(AsBytes("x")).error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(writer->Commit().error().code, ErrorCode::kNoSpace);
    EXPECT_FALSE(fs::exists(folder_ / "a"));
}

// The server made the link, its reply was lost, and the repeated request met the link.
TEST_F(PosixStorageTest, Commit_LinkMadeButReportedFailed_IsCreated) {
    for (int error_number : {EEXIST, ETIMEDOUT, EIO}) {
        PosixCalls calls = RealPosixCalls();
        calls.linkat = [error_number](int from_fd, const char* from, int to_fd, const char* to,
                                      int flags) {
            EXPECT_EQ(linkat(from_fd, from, to_fd, to, flags), 0);
            errno = error_number;
            return -1;
        };
        std::string key = "a/" + std::to_string(error_number);
        EXPECT_EQ(Open(calls)->Put(key, AsBytes("x")), PutOutcome::kCreated);
        EXPECT_EQ(storage_->Get(key, 10).value().size(), 1u);
    }
    EXPECT_TRUE(fs::is_empty(folder_ / ".tmp"));
}

// Over NFS a file that is removed while somebody has it open goes on under such a name.
TEST_F(PosixStorageTest, SillyRenamedFiles_AreNoObjectsAndStopNothing) {
    ASSERT_TRUE(storage_->Put("a/b/object", AsBytes("x")));
    for (const char* path : {"a/b/.nfs000000000000002a00000001", ".tmp/.nfs000000000000002a00000002"})
        std::ofstream(folder_ / path) << "removed, but open";
    EXPECT_EQ(List(*storage_).value(), std::vector<std::string>{"a/b/object"});
    EXPECT_EQ(storage_->Children("a/b/").value(), std::vector<std::string>{"object"});
    ASSERT_TRUE(storage_->Remove("a/b/object"));
    EXPECT_EQ(List(*storage_).value(), std::vector<std::string>{});
    EXPECT_EQ(storage_->RemoveLitter(), 0u) << "its server removes it";
    EXPECT_EQ(storage_->Put("a/b/object", AsBytes("anew")), PutOutcome::kCreated);
    EXPECT_EQ(storage_->Get("a/b/object", 10).value().size(), 4u);
}

// Lost replies: the name was removed by the first request, and the repeated one did not find it.
TEST_F(PosixStorageTest, Remove_DoneButReportedAbsent_IsSuccess) {
    ASSERT_TRUE(storage_->Put("a/object", AsBytes("x")));
    PosixCalls calls = RealPosixCalls();
    calls.unlinkat = [](int folder, const char* name, int flags) {
        EXPECT_EQ(unlinkat(folder, name, flags), 0);
        errno = ENOENT;
        return -1;
    };
    EXPECT_TRUE(Open(calls)->Remove("a/object"));
    EXPECT_EQ(storage_->Stat("a/object").value(), std::nullopt);
}

TEST_F(PosixStorageTest, Commit_NeitherLinksNorExclusiveRenames_IsUnsupported) {
    PosixCalls calls = RealPosixCalls();
    calls.linkat = [](int, const char*, int, const char*, int) { return errno = EPERM, -1; };
    calls.renameat2 = [](int, const char*, int, const char*, unsigned) {
        return errno = EINVAL, -1;
    };
    EXPECT_EQ(Open(calls)->Put("a", AsBytes("x")).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(storage_->Stat("a").value(), std::nullopt);
}

TEST_F(PosixStorageTest, Commit_TemporaryFileTakenAway_IsAnError) {
    auto writer = storage_->Create("a/b").value();
    fs::remove_all(folder_ / ".tmp");
    EXPECT_EQ(writer->Commit().error().code, ErrorCode::kIo);
    EXPECT_EQ(storage_->Put("a/b", AsBytes("x")), PutOutcome::kCreated);
}

TEST_F(PosixStorageTest, Commit_FolderKeepsVanishing_GivesUp) {
    PosixCalls calls = RealPosixCalls();
    calls.linkat = [](int, const char*, int, const char*, int) { return errno = ENOENT, -1; };
    EXPECT_EQ(Open(calls)->Put("a/b", AsBytes("x")).error().code, ErrorCode::kUnavailable);
}

TEST_F(PosixStorageTest, Commit_FoldersCannotBeSynced_SyncsTheFileSystem) {
    PosixCalls calls = RealPosixCalls();
    int whole_syncs = 0;
    calls.fsync = [](int fd) {
        struct stat info {};
        if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) return errno = EINVAL, -1;
        return fsync(fd);
    };
    calls.syncfs = [&whole_syncs](int) {
        whole_syncs++;
        return 0;
    };
    EXPECT_EQ(Open(calls)->Put("a/b", AsBytes("x")), PutOutcome::kCreated);
    EXPECT_EQ(whole_syncs, 2);
}

}  // namespace
}  // namespace agri::test

// A disk that fails once while a backup looks for the cluster's files: it is never taken for a file
// that is not there. The calls below stand in front of the C library's.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include <atomic>
#include <cstdarg>
#include <set>

#include "engine/backup.hpp"
#include "engine/file_walk.hpp"
#include "engine/test_cluster.hpp"

namespace agri::engine::failing {

// Of the calls by this thread, the one of that number fails.
thread_local int calls_until_failure = -1;
thread_local int failing_errno = 0;
// As file systems do that keep no types in their folders.
thread_local bool hides_types = false;
// In whatever thread.
std::atomic<bool> attributes_fail{false};

bool Fails() {
    if (calls_until_failure < 0 || calls_until_failure-- > 0) return false;
    errno = failing_errno;
    return true;
}

// The library's own.
template <class Call>
Call* Next(const char* name) {
    return reinterpret_cast<Call*>(dlsym(RTLD_NEXT, name));
}

}  // namespace agri::engine::failing
namespace failing = agri::engine::failing;

extern "C" {

dirent* readdir(DIR* folder) {
    static const auto next = failing::Next<dirent*(DIR*)>("readdir");
    if (failing::Fails()) return nullptr;
    dirent* item = next(folder);
    if (item != nullptr && failing::hides_types) item->d_type = DT_UNKNOWN;
    return item;
}

int lstat(const char* path, struct stat* out) noexcept {
    static const auto next = failing::Next<int(const char*, struct stat*)>("lstat");
    return failing::Fails() ? -1 : next(path, out);
}

int fstatat(int fd, const char* path, struct stat* out, int flags) noexcept {
    static const auto next = failing::Next<int(int, const char*, struct stat*, int)>("fstatat");
    return failing::Fails() ? -1 : next(fd, path, out, flags);
}

int openat(int fd, const char* path, int flags, ...) {
    static const auto next = failing::Next<int(int, const char*, int, ...)>("openat");
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return failing::Fails() ? -1 : next(fd, path, flags, mode);
}

ssize_t flistxattr(int fd, char* out, size_t size) noexcept {
    static const auto next = failing::Next<ssize_t(int, char*, size_t)>("flistxattr");
    if (!failing::attributes_fail) return next(fd, out, size);
    errno = EIO;
    return -1;
}

}  // extern "C"

namespace agri::engine {
namespace {

using base::Result;
using test::Must;
using namespace failing;

class FailingCallsTest : public testing::Test {
   protected:
    void SetUp() override {
        const std::string version = "PG_15_" + std::to_string(test::kCatalogVersionOf15);
        test::TestCluster::WriteFile(cluster.Outside("space/" + version + "/5/16400"), "far");
        cluster.Link("pg_tblspc/16390", cluster.Outside("space"));
        std::filesystem::rename(cluster.Path("pg_wal"), cluster.Outside("wal"));
        cluster.Link("pg_wal", cluster.Outside("wal"));
        cluster.Write("base/5/16384", "here");
    }
    Result<std::set<std::string>> Walk() {
        AGRI_ASSIGN(const WalkPlan plan, PlanWalk(cluster.Facts(), control_, *base::NullLogger()));
        std::set<std::string> seen;
        const auto visit = [&](const WalkedFile& file) -> base::Status {
            seen.insert(std::to_string(file.root->root.id()) + ":" + file.path);
            return {};
        };
        const WalkOptions options{cancel_, nullptr};
        AGRI_TRY(WalkFiles(plan, options, visit));
        return seen;
    }
    // With every one of its calls failing in turn; returns how many there were.
    int WalkWithEachCallFailing(int error_number,
                                const std::function<void(Result<std::set<std::string>>)>& judge) {
        for (int number = 0;; ++number) {
            SCOPED_TRACE(number);
            calls_until_failure = number;
            failing_errno = error_number;
            auto seen = Walk();
            const bool has_failed = calls_until_failure < 0;
            calls_until_failure = -1;
            if (!has_failed) return number;
            judge(std::move(seen));
        }
    }

    test::TestCluster cluster;
    wal::ControlFile control_ = Must(wal::ParseControlFile(test::MakeControlFile()));
    base::CancelToken cancel_;
};

TEST_F(FailingCallsTest, Walk_TypesUnknown_SeesTheSame) {
    const auto whole = Must(Walk());
    EXPECT_TRUE(whole.contains("0:base/5/16384"));
    EXPECT_TRUE(whole.contains("1:PG_15_202209061/5/16400"));
    hides_types = true;
    EXPECT_EQ(Must(Walk()), whole);
    hides_types = false;
}

TEST_F(FailingCallsTest, Walk_AnyCallFails_IsNeverIncomplete) {
    const auto whole = Must(Walk());
    for (const bool hidden : {false, true}) {
        hides_types = hidden;
        const int calls = WalkWithEachCallFailing(EIO, [&](auto seen) {
            if (seen) {
                EXPECT_EQ(*seen, whole);
            }
        });
        EXPECT_GT(calls, 50);
    }
    hides_types = false;
}

TEST_F(FailingCallsTest, Open_Interrupted_IsDoneAgain) {
    const std::string path = cluster.Path("base/5/16384");
    for (const bool by_folder : {false, true}) {
        calls_until_failure = 0;
        failing_errno = EINTR;
        const auto fd = by_folder ? base::OpenFile(path, O_RDONLY)
                                  : base::Result<base::Fd>(base::OpenAt(AT_FDCWD, path, O_RDONLY));
        EXPECT_LT(calls_until_failure, 0);
        EXPECT_TRUE(fd && *fd);
    }
}

TEST_F(FailingCallsTest, Backup_AttributesCannotBeRead_FailsNamingTheFile) {
    test::TestRepository repository;
    test::FakeServer server{cluster, repository.incarnation()};
    test::TestContext context;
    attributes_fail = true;
    const auto header = RunBackup(repository.incarnation(), server, {}, context.get());
    attributes_fail = false;
    ASSERT_FALSE(header);
    EXPECT_NE(header.error().message.find("could not read attributes of \"" + cluster.data()),
              std::string::npos)
        << header.error().message;
}

}  // namespace
}  // namespace agri::engine

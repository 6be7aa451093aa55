// The posix driver on filesystems that are full, read-only, gone, or not one but two; and where it
// has no rights. Nothing is simulated here.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/temporary_folder.hpp"
#include "storage/posix_storage.hpp"
#include "storage/private_mount.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using base::ErrorCode;
using storage::PosixStorage;
using storage::PutOutcome;

class PosixMountTest : public testing::Test {
   protected:
    std::unique_ptr<storage::Storage> Open() { return PosixStorage::Open(folder_.path()).value(); }
    static int Count(storage::Storage& storage) {
        int objects = 0;
        base::Status status = storage.List("", [&](const storage::ObjectInfo&) -> base::Status {
            objects++;
            return {};
        });
        EXPECT_TRUE(status) << status.error().ToString();
        return objects;
    }
    TemporaryFolder folder_;
};

TEST_F(PosixMountTest, Put_FullFileSystem_IsNoSpaceAndLeavesNothing) {
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        MountTmpfs(folder_.path(), "size=1m");
        auto storage = Open();
        std::string large(700 << 10, 'x');
        ASSERT_EQ(storage->Put("first", AsBytes(large)).value(), PutOutcome::kCreated);
        auto outcome = storage->Put("a/second", AsBytes(large));
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, ErrorCode::kNoSpace);
        EXPECT_NE(outcome.error().hint, "");
        EXPECT_EQ(Count(*storage), 1);
        ASSERT_TRUE(storage->Remove("first"));
        EXPECT_EQ(storage->Put("a/second", AsBytes(large)).value(), PutOutcome::kCreated);
    }));
}

TEST_F(PosixMountTest, Put_NoInodesLeft_IsNoSpace) {
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        MountTmpfs(folder_.path(), "size=1m,nr_inodes=4");
        auto storage = Open();
        ASSERT_EQ(storage->Put("first", AsBytes("x")).value(), PutOutcome::kCreated);
        EXPECT_EQ(storage->Put("a/b/c/d", AsBytes("x")).error().code, ErrorCode::kNoSpace);
        EXPECT_EQ(Count(*storage), 1);
    }));
}

TEST_F(PosixMountTest, Space_OfAMount_IsThatMounts) {
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        MountTmpfs(folder_.path(), "size=1m");
        auto storage = Open();
        auto before = storage->Space().value();
        EXPECT_EQ(before->total_bytes, 1u << 20);
        std::string half(512 << 10, 'x');
        ASSERT_TRUE(storage->Put("half", AsBytes(half)));
        EXPECT_LE(storage->Space().value()->free_bytes, before->free_bytes - half.size());
    }));
}

TEST_F(PosixMountTest, ReadOnlyFileSystem_Writes_AreRefusedAndReadsGoOn) {
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        MountTmpfs(folder_.path(), "size=1m");
        auto storage = Open();
        ASSERT_TRUE(storage->Put("a/object", AsBytes("x")));
        ASSERT_EQ(mount(nullptr, folder_.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
                  0);
        EXPECT_EQ(storage->Put("b", AsBytes("x")).error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->Remove("a/object").error().code, ErrorCode::kPermission);
        EXPECT_NE(storage->Remove("a/object").error().hint, "");
        EXPECT_EQ(storage->Get("a/object", 10).value().size(), 1u);
        EXPECT_EQ(Count(*storage), 1);
    }));
}

TEST_F(PosixMountTest, FolderWithoutRights_EveryAccess_IsPermission) {
    auto storage = Open();
    ASSERT_TRUE(storage->Put("a/object", AsBytes("x")));
    AGRI_NEEDS_ROOT(AsNobody([&] {
        EXPECT_EQ(PosixStorage::Open(folder_.path()).error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->Get("a/object", 10).error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->Stat("a/object").error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->Put("b", AsBytes("x")).error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->Remove("a/object").error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->Children("a/").error().code, ErrorCode::kPermission);
        EXPECT_EQ(storage->RemoveLitter().error().code, ErrorCode::kPermission);
    }));
}

TEST_F(PosixMountTest, ReadOnlyFolder_Put_IsPermission) {
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    auto storage = Open();
    AGRI_NEEDS_ROOT(AsNobody([&] {
        EXPECT_EQ(storage->Put("b", AsBytes("x")).error().code, ErrorCode::kPermission);
        EXPECT_EQ(Count(*storage), 0);
    }));
}

TEST_F(PosixMountTest, Unmounted_EveryAccess_IsNotInitializedAndCreatesNothing) {
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        MountTmpfs(folder_.path(), "size=1m");
        auto storage = Open();
        ASSERT_TRUE(storage->Put("a/object", AsBytes("x")));
        ASSERT_EQ(umount2(folder_.path().c_str(), MNT_DETACH), 0);
        auto outcome = storage->Put("b", AsBytes("x"));
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, ErrorCode::kNotInitialized);
        EXPECT_NE(outcome.error().hint.find("mounted"), std::string::npos);
        EXPECT_EQ(storage->Stat("none").error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(folder_.CountEntries(), 0u);
    }));
}

// The content went to the filesystem below by the time of Commit(); saying "created" would be a lie
// to whoever looks at the path.
TEST_F(PosixMountTest, Commit_MountedOverMeanwhile_IsNotAcknowledged) {
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        auto storage = Open();
        auto writer = storage->Create("object").value();
        MountTmpfs(folder_.path(), "size=1m");
        EXPECT_EQ(writer->Commit().error().code, ErrorCode::kNotInitialized);
        EXPECT_EQ(folder_.CountEntries(), 0u);
    }));
}

TEST_F(PosixMountTest, Put_IntoAnotherFileSystem_IsRefusedWithAHint) {
    ASSERT_EQ(mkdir((folder_ / "a").c_str(), 0700), 0);
    AGRI_NEEDS_ROOT(WithPrivateMounts([&] {
        MountTmpfs(folder_ / "a", "size=1m");
        auto outcome = Open()->Put("a/object", AsBytes("x"));
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, ErrorCode::kConfiguration);
        EXPECT_NE(outcome.error().hint, "");
    }));
}

}  // namespace
}  // namespace agri::test

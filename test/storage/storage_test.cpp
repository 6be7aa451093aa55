// From a URI to a storage.
#include "storage/storage.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/temporary_folder.hpp"
#include "storage/private_mount.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using base::ErrorCode;
using storage::CreateStorage;
using storage::OpenStorage;

TEST(OpenStorageTest, UnknownScheme_IsUnsupportedAndNamesTheKnown) {
    for (const char* uri :
         {"s3://key:password@bucket/", "/backup/repo", "", "file:/x", "FILE:///x"}) {
        auto storage = OpenStorage(uri);
        ASSERT_FALSE(storage) << uri;
        EXPECT_EQ(storage.error().code, ErrorCode::kUnsupported) << uri;
        EXPECT_NE(storage.error().hint.find("file:///"), std::string::npos);
        EXPECT_EQ(storage.error().ToString().find("password"), std::string::npos);
    }
}

TEST(OpenStorageTest, BadPath_IsInvalid) {
    for (const char* uri : {"file://", "file://host/path", "file://relative", "file:///a%",
                            "file:///a%0", "file:///a%zz", "file:///a%00b"}) {
        EXPECT_EQ(OpenStorage(uri).error().code, ErrorCode::kInvalidArgument) << uri;
        EXPECT_NE(OpenStorage(uri).error().hint, "") << uri;
    }
}

TEST(OpenStorageTest, MissingFolder_IsNotInitializedAndStaysMissing) {
    TemporaryFolder folder;
    auto storage = OpenStorage("file://" + folder / "repo");
    EXPECT_EQ(storage.error().code, ErrorCode::kNotInitialized);
    EXPECT_FALSE(std::filesystem::exists(folder / "repo"));
}

TEST(OpenStorageTest, PercentSigns_AreDecoded) {
    TemporaryFolder folder;
    std::filesystem::create_directory(folder / "a b%");
    auto storage = OpenStorage("file://" + folder / "a%20b%25///");
    ASSERT_TRUE(storage);
    EXPECT_TRUE((*storage)->Put("x", AsBytes("x")));
    EXPECT_TRUE(std::filesystem::exists(folder / "a b%/x"));
    EXPECT_EQ((*storage)->Describe(), "file://" + folder / "a b%");
}

TEST(CreateStorageTest, MissingFolder_IsCreatedForTheOwner) {
    TemporaryFolder folder;
    ASSERT_TRUE(CreateStorage("file://" + folder / "repo/"));
    struct stat info {};
    ASSERT_EQ(stat((folder / "repo").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
    EXPECT_TRUE(CreateStorage("file://" + folder / "repo")) << "is there already";
}

TEST(CreateStorageTest, MissingParent_IsNotInitialized) {
    TemporaryFolder folder;
    auto storage = CreateStorage("file://" + folder / "mount/repo");
    EXPECT_EQ(storage.error().code, ErrorCode::kNotInitialized);
    EXPECT_NE(storage.error().hint, "");
    EXPECT_FALSE(std::filesystem::exists(folder / "mount"));
}

TEST(CreateStorageTest, FileInTheWay_IsNotInitialized) {
    EXPECT_EQ(CreateStorage("file:///dev/null").error().code, ErrorCode::kNotInitialized);
}

TEST(CreateStorageTest, ParentWithoutRights_IsPermission) {
    TemporaryFolder folder;
    AGRI_NEEDS_ROOT(AsNobody([&] {
        EXPECT_EQ(CreateStorage("file://" + folder / "repo").error().code, ErrorCode::kPermission);
    }));
}

}  // namespace
}  // namespace agri::test

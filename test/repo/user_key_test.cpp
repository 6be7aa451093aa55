// The key file: what is accepted as one, and where it may lie.
#include "repo/user_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using testing::HasSubstr;
using testing::Not;

const std::string kDigits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

class UserKeyTest : public testing::Test {
   protected:
    std::string Write(const std::string& content, mode_t mode = 0600) {
        std::string path = folder_ / "a.key";
        std::ofstream(path) << content;
        chmod(path.c_str(), mode);
        return "file://" + path;
    }
    static ErrorCode CodeOf(const base::Result<codec::Secret>& result) {
        EXPECT_FALSE(result);
        return result ? ErrorCode::kInternal : result.error().code;
    }

    test::TemporaryFolder folder_;
};

TEST_F(UserKeyTest, Load_WellFormed_GivesTheKey) {
    for (std::string end : {"", "\n", "\r\n"}) {
        auto key = LoadUserKey(Write("agri_backup-key-1:" + kDigits + end));
        ASSERT_TRUE(key) << key.error().ToString();
        EXPECT_EQ(base::ToHex(key->view()), kDigits);
    }
}

TEST_F(UserKeyTest, Load_Malformed_IsConfigurationAndEchoesNothing) {
    for (std::string content :
         {std::string(), std::string("\n"), kDigits, "agri_backup-key-1:" + kDigits.substr(2),
          "agri_backup-key-1:" + kDigits + "00", "agri_backup-key-1: " + kDigits,
          "agri_backup-key-1:" + kDigits.substr(1) + "x", "agri_backup-key-1:" + kDigits + "\nx",
          std::string(300, 'a')}) {
        auto key = LoadUserKey(Write(content));
        EXPECT_EQ(CodeOf(key), ErrorCode::kConfiguration) << content;
        EXPECT_THAT(key.error().ToString(), Not(HasSubstr("0405060708"))) << content;
        EXPECT_THAT(key.error().message, HasSubstr("a.key"));
    }
}

TEST_F(UserKeyTest, Load_NewerKind_IsUnsupported) {
    auto key = LoadUserKey(Write("agri_backup-key-2:" + kDigits));
    EXPECT_EQ(CodeOf(key), ErrorCode::kUnsupported);
    EXPECT_THAT(key.error().hint, HasSubstr("Upgrade"));
}

TEST_F(UserKeyTest, Load_TooOpen_IsConfigurationAndSaysHowToClose) {
    for (mode_t mode : {0604, 0602, 0601, 0620, 0610, 0644, 0777}) {
        auto key = LoadUserKey(Write("agri_backup-key-1:" + kDigits, mode));
        EXPECT_EQ(CodeOf(key), ErrorCode::kConfiguration) << mode;
        EXPECT_THAT(key.error().hint, HasSubstr("chmod 0600"));
    }
    for (mode_t mode : {0400, 0440, 0600, 0640, 0700})
        EXPECT_TRUE(LoadUserKey(Write("agri_backup-key-1:" + kDigits, mode))) << mode;
}

TEST_F(UserKeyTest, Load_LinkToATooOpenFile_IsConfiguration) {
    Write("agri_backup-key-1:" + kDigits, 0644);
    std::filesystem::create_symlink(folder_ / "a.key", folder_ / "link.key");
    EXPECT_EQ(CodeOf(LoadUserKey("file://" + folder_ / "link.key")), ErrorCode::kConfiguration);
}

TEST_F(UserKeyTest, Load_MissingOrNoFile_IsConfiguration) {
    auto missing = LoadUserKey("file://" + folder_ / "none.key");
    EXPECT_EQ(CodeOf(missing), ErrorCode::kConfiguration);
    EXPECT_THAT(missing.error().hint, HasSubstr("key create"));
    EXPECT_EQ(CodeOf(LoadUserKey("file://" + folder_.path())), ErrorCode::kConfiguration);
    ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(CodeOf(LoadUserKey("file://" + folder_ / "fifo")), ErrorCode::kConfiguration);
}

TEST_F(UserKeyTest, Load_OtherScheme_IsUnsupported) {
    for (const char* uri : {"/etc/main.key", "file://main.key", "command:pass", "file:///a%zz"})
        EXPECT_EQ(CodeOf(LoadUserKey(uri)), ErrorCode::kUnsupported) << uri;
}

TEST_F(UserKeyTest, Load_PercentEncodedPath_IsDecoded) {
    std::ofstream(folder_ / "my key") << "agri_backup-key-1:" + kDigits;
    chmod((folder_ / "my key").c_str(), 0600);
    EXPECT_TRUE(LoadUserKey("file://" + folder_ / "my%20key"));
}

TEST_F(UserKeyTest, Create_NewFile_LoadsAgainAndIsPrivate) {
    std::string path = folder_ / "new.key";
    ASSERT_TRUE(CreateUserKeyFile(path, base::SystemRandom()));
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    auto key = LoadUserKey("file://" + path);
    ASSERT_TRUE(key);
    EXPECT_FALSE(base::IsAllZero(key->view()));
}

TEST_F(UserKeyTest, Create_OverAnExistingFile_LeavesIt) {
    Write("agri_backup-key-1:" + kDigits);
    auto created = CreateUserKeyFile(folder_ / "a.key", base::SystemRandom());
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(base::ToHex(LoadUserKey("file://" + folder_ / "a.key")->view()), kDigits);
}

TEST_F(UserKeyTest, Create_WhereNoKeyMayBe_IsRefusedAtOnce) {
    for (const char* name : {"data/global", "data/base", "repo/keys"})
        std::filesystem::create_directories(folder_ / name);
    std::ofstream(folder_ / "data/PG_VERSION") << "15\n";
    std::ofstream(folder_ / "data/global/pg_control") << "x";
    std::ofstream(folder_ / "repo/agri_backup.repository") << "{}";
    for (const char* place : {"data/a.key", "data/base/a.key", "repo/a.key", "repo/keys/a.key"}) {
        auto created = CreateUserKeyFile(folder_ / place, base::SystemRandom());
        ASSERT_FALSE(created) << place;
        EXPECT_EQ(created.error().code, ErrorCode::kConfiguration);
        EXPECT_THAT(created.error().message, HasSubstr("lies inside the"));
        EXPECT_FALSE(std::filesystem::exists(folder_ / place));
    }
    auto nowhere = CreateUserKeyFile(folder_ / "none/a.key", base::SystemRandom());
    EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(nowhere.error().hint, HasSubstr("mkdir"));
}

TEST_F(UserKeyTest, PathOfKey_PathOrUri_IsThePath) {
    EXPECT_EQ(*PathOfKey("etc/main.key"), "etc/main.key");
    EXPECT_EQ(*PathOfKey("file:///etc/my%20key"), "/etc/my key");
    EXPECT_FALSE(PathOfKey("file:main.key"));
}

class KeyLocationTest : public testing::Test {
   protected:
    void SetUp() override {
        for (const char* name : {"data", "data/base", "repo", "etc", "data-too"})
            std::filesystem::create_directory(folder_ / name);
    }
    base::Status Check(const std::string& key) {
        return CheckKeyLocation("file://" + folder_ / key, folder_ / "data",
                                "file://" + folder_ / "repo");
    }
    test::TemporaryFolder folder_;
};

TEST_F(KeyLocationTest, Check_Elsewhere_IsFine) {
    EXPECT_TRUE(Check("etc/main.key"));
    // Not inside, although the path begins the same way.
    EXPECT_TRUE(Check("data-too/main.key"));
    EXPECT_TRUE(CheckKeyLocation("file:///etc/main.key", "", "s3://bucket/repo"));
}

TEST_F(KeyLocationTest, Check_InsideTheDataDirectory_IsRefused) {
    for (const char* key : {"data/main.key", "data/base/main.key", "etc/../data/main.key"}) {
        auto checked = Check(key);
        ASSERT_FALSE(checked) << key;
        EXPECT_EQ(checked.error().code, ErrorCode::kConfiguration);
        EXPECT_THAT(checked.error().message, HasSubstr("inside the data directory"));
    }
}

TEST_F(KeyLocationTest, Check_InsideTheRepository_IsRefused) {
    auto checked = Check("repo/keys/main.key");
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().message, HasSubstr("inside the repository"));
}

TEST_F(KeyLocationTest, Check_ThroughLinks_JudgesTheRealPaths) {
    std::ofstream(folder_ / "data/main.key") << "x";
    std::filesystem::create_symlink(folder_ / "data/main.key", folder_ / "etc/link.key");
    EXPECT_FALSE(Check("etc/link.key"));
    std::filesystem::create_directory_symlink(folder_ / "data", folder_ / "etc/folder");
    EXPECT_FALSE(Check("etc/folder/base/main.key"));
    std::filesystem::create_directory_symlink(folder_ / "data", folder_ / "pgdata");
    EXPECT_FALSE(CheckKeyLocation("file://" + folder_ / "data/main.key", folder_ / "pgdata", ""));
}

}  // namespace
}  // namespace agri::repo

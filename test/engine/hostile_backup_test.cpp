// Backups that no RunBackup() would make: what their manifests ask for must not be done.
#include "engine/restore_fixture.hpp"
#include "repo/manifest.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::FileText;
using test::Must;

class HostileBackupTest : public test::RestoreFixture {
   protected:
    struct Item {
        repo::format::FileEntry entry;
        std::string content;
    };
    static Item File(const std::string& path, const std::string& content) {
        Item item{test::TestEntry(path, content.size()), content};
        item.entry.set_crc32c(codec::Crc32c(0, base::AsBytes(content)));
        item.entry.set_has_crc32c(true);
        return item;
    }
    static Item Link(const std::string& path, const std::string& target) {
        Item item{test::TestEntry(path, 0, repo::format::SYMLINK), ""};
        item.entry.set_link_target(target);
        return item;
    }
    static Item Folder(const std::string& path) {
        Item item{test::TestEntry(path, 0, repo::format::DIRECTORY), ""};
        item.entry.set_mode(0700);
        return item;
    }
    static Item Control() {
        return File("global/pg_control", std::string(base::AsText(test::MakeControlFile())));
    }
    // Commits a backup of these entries (sorted); the WAL that it needs is there.
    void Commit(const std::vector<Item>& items,
                const std::function<void(repo::format::ManifestHeader&)>& change = {}) {
        test::TestPacks packs(repository);
        repo::ManifestWriter writer(repository.incarnation(), packs.writer());
        for (const Item& item : items) {
            std::vector<repo::ManifestWriter::FileExtent> extents;
            if (!item.content.empty())
                extents.push_back({item.content.size(), packs.Put(item.content), 0});
            Must(writer.AddFile(item.entry, extents));
        }
        Must(writer.FinishFiles());
        packs.Finish();
        repo::format::ManifestHeader header = test::TestHeader();
        header.set_server_version_num(150020);
        header.set_catalog_version(test::kCatalogVersionOf15);
        header.set_stop_lsn(0x2100100);
        if (change) change(header);
        Must(writer.Commit(header, packs.refs()));
        Must(ArchiveWal());
    }
};

TEST_F(HostileBackupTest, RunRestore_WrongChecksum_NamesTheFileAndStaysUnstartable) {
    Item file = File("base/1/1259", "content");
    file.entry.set_crc32c(1);
    Commit({file, Control()});
    ExpectRefused(ErrorCode::kCorrupt,
                  "\"base/1/1259\" of backup " + std::string(test::kTestBackup));
    EXPECT_FALSE(Exists(Restored("global/pg_control")));
    EXPECT_TRUE(Exists(Restored("agri_backup.restore")));
}

TEST_F(HostileBackupTest, RunRestore_WithoutControlFile_IsRefused) {
    Commit({File("PG_VERSION", "15\n")});
    ExpectRefused(ErrorCode::kCorrupt, "no global/pg_control");
    EXPECT_FALSE(Exists(request.target_directory));
}

TEST_F(HostileBackupTest, RunRestore_FileBelowALink_IsRefused) {
    std::filesystem::create_directories(place / "outside");
    // The reader refuses such a list; without it, the target's folders would.
    test::TestPacks packs(repository);
    Commit({Link("base", place / "outside"), Control()});
    Must(Run());
    EXPECT_TRUE(std::filesystem::is_symlink(Restored("base")));
    EXPECT_TRUE(std::filesystem::is_empty(place / "outside"));
}

TEST_F(HostileBackupTest, RunRestore_LinkPlantedInTheTarget_IsNotFollowed) {
    test::TestCluster::WriteFile(place / "outside/1259", "precious");
    Commit({Folder("base"), File("base/1259", "content"), Control()});
    WriteToTarget("PG_VERSION", "15\n");
    WriteToTarget("global/pg_control", base::AsText(test::MakeControlFile()));
    ASSERT_EQ(symlink((place / "outside").c_str(), Restored("base").c_str()), 0);
    request.existing = ExistingFiles::kDelta;
    Must(Run());
    EXPECT_EQ(FileText(place / "outside/1259"), "precious");
    EXPECT_EQ(FileText(Restored("base/1259")), "content");
    EXPECT_FALSE(std::filesystem::is_symlink(Restored("base")));
}

TEST_F(HostileBackupTest, RunRestore_FileOutsideItsPartOfATablespace_IsRefused) {
    Item stray = File("another cluster's/file", "x");
    stray.entry.set_root(1);
    Commit({Control(), stray}, [&](repo::format::ManifestHeader& header) {
        auto* root = header.add_roots();
        root->set_id(1);
        root->set_kind(repo::format::FileRoot::TABLESPACE);
        root->set_oid(16400);
        root->set_path(place / "space");
    });
    ExpectRefused(ErrorCode::kCorrupt, "outside its part of a tablespace");
    EXPECT_FALSE(Exists(place / "space"));
}

TEST_F(HostileBackupTest, RunRestore_ConfigurationRootWithDots_IsRefused) {
    Commit({Control()}, [&](repo::format::ManifestHeader& header) {
        auto* root = header.add_roots();
        root->set_id(1);
        root->set_kind(repo::format::FileRoot::CONFIG);
        root->set_path("/etc/../../../tmp");
    });
    ExpectRefused(ErrorCode::kCorrupt, "no clean absolute path");
}

TEST_F(HostileBackupTest, RunRestore_MoreThanTheDiskHolds_IsRefusedBeforeWriting) {
    test::TestPacks packs(repository);
    repo::ManifestWriter writer(repository.incarnation(), packs.writer());
    const uint64_t size = uint64_t{1} << 52;
    Must(writer.AddFile(test::TestEntry("base", size), {{size, std::nullopt, 0}}));
    const Item control = Control();
    Must(writer.AddFile(control.entry, {{control.content.size(), packs.Put(control.content), 0}}));
    Must(writer.FinishFiles());
    packs.Finish();
    repo::format::ManifestHeader header = test::TestHeader();
    header.set_server_version_num(150020);
    header.set_stop_lsn(0x2100100);
    Must(writer.Commit(header, packs.refs()));
    Must(ArchiveWal());
    ExpectRefused(ErrorCode::kNoSpace, "MiB are free there");
    EXPECT_FALSE(Exists(request.target_directory));
}

}  // namespace
}  // namespace agri::engine

// Repositories that format version 1 left behind must be readable for ever: every file, chunk and
// WAL object of data/golden-v1/ is read and compared with what was put into it.
#include "repo/golden_repository.hpp"

#include <gmock/gmock.h>

#include <map>

#include "base/file.hpp"
#include "repo/test_repository.hpp"
#include "repo/wal_archive.hpp"

namespace agri::repo {
namespace {

using test::golden::File;
using testing::ElementsAre;
using testing::SizeIs;

std::string GoldenFolder() {
    const std::string here = __FILE__;
    return here.substr(0, here.rfind('/')) + "/data/golden-v1/";
}

// A copy in memory, so that reading can change nothing; the key in a file of its own, because a
// checked-out one has permissions that are too open.
class GoldenRepositoryTest : public testing::TestWithParam<std::string> {
   protected:
    void SetUp() override {
        const std::string root = GoldenFolder() + GetParam();
        auto disk = std::make_shared<test::MemoryDisk>();
        for (const auto& item : std::filesystem::recursive_directory_iterator(root))
            if (item.is_regular_file())
                disk->Overwrite(item.path().string().substr(root.size() + 1),
                                test::Must(base::ReadWholeFile(item.path(), 1u << 20)));
        RepositoryOptions options;
        options.uri = "memory:";
        options.encryption_off = GetParam() == "plain";
        if (!options.encryption_off) {
            const auto key = test::Must(base::ReadWholeFile(GoldenFolder() + "main.key", 1000));
            test::Must(base::CreateFileExclusively(folder_ / "main.key", key, 0600));
            options.key_uri = "file://" + (folder_ / "main.key");
        }
        repository_ =
            test::Must(Repository::Open(std::make_unique<test::MemoryStorage>(disk), options));
        incarnation_ = std::make_unique<Incarnation>(
            test::Must(Incarnation::OpenNewest(*repository_, std::string(test::golden::kCluster))));
    }
    ManifestReader Open(std::string_view backup) const {
        return test::Must(ManifestReader::Open(*incarnation_, backup));
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<Repository> repository_;
    std::unique_ptr<Incarnation> incarnation_;
};
INSTANTIATE_TEST_SUITE_P(Version1, GoldenRepositoryTest, testing::Values("encrypted", "plain"),
                         [](const auto& test) { return test.param; });

// The plain content of every file, and its entry, by root and path.
std::map<std::pair<uint32_t, std::string>, File> ReadFiles(const ManifestReader& manifest) {
    std::map<std::pair<uint32_t, std::string>, File> files;
    ChunkReader chunks(manifest.packs(), manifest.header().digest_seed());
    test::Must(manifest.ForEachFile([&](const ManifestReader::FileRun& run) -> base::Status {
        File& file = files[{run.entry.root(), run.entry.path()}];
        file.entry = run.entry;
        for (const auto& extent : run.extents) {
            std::string data;
            if (extent.chunk) {
                AGRI_ASSIGN(const base::ByteView plain, chunks.Read(*extent.chunk));
                data = base::AsText(plain.subspan(extent.chunk_offset, extent.length));
            }
            file.pieces.push_back({data, extent.chunk ? 0 : extent.length});
        }
        return {};
    }));
    return files;
}

TEST_P(GoldenRepositoryTest, Catalog_ListsItsBackups) {
    std::vector<std::string> ids;
    for (const CatalogEntry& entry : test::Must(ListBackups(*incarnation_))) {
        EXPECT_EQ(entry.problem, "");
        ids.push_back(entry.header.backup_id());
    }
    EXPECT_THAT(ids, ElementsAre(test::golden::kFull, test::golden::kIncremental));
    EXPECT_THAT(test::Must(ListExpired(*incarnation_)), ElementsAre(test::golden::kExpired));
    const auto intents = test::Must(ListIntents(*incarnation_));
    ASSERT_THAT(intents, SizeIs(1));
    EXPECT_EQ(intents[0].backup_id(), test::golden::kUnderWay);
    EXPECT_EQ(ReadManifestHeader(*incarnation_, test::golden::kGivenUp).error().code,
              base::ErrorCode::kNotFound);
}

TEST_P(GoldenRepositoryTest, Backups_HoldWhatWasPutIn) {
    for (const std::string_view backup : {test::golden::kFull, test::golden::kIncremental}) {
        const ManifestReader manifest = Open(backup);
        EXPECT_EQ(manifest.header().SerializeAsString(),
                  test::golden::HeaderOf(backup).SerializeAsString());
        EXPECT_THAT(manifest.page_failures(), SizeIs(1));
        const auto files = ReadFiles(manifest);
        const auto expected = test::golden::FilesOf(backup);
        ASSERT_EQ(files.size(), expected.size());
        for (const File& file : expected) {
            const File& found = files.at({file.entry.root(), file.entry.path()});
            EXPECT_EQ(found.entry.SerializeAsString(), file.entry.SerializeAsString());
            EXPECT_EQ(found.Content(), file.Content()) << file.entry.path();
            EXPECT_TRUE(test::Must(manifest.FindFile(file.entry.root(), file.entry.path())));
        }
        for (const PackId& pack : manifest.packs().packs())
            EXPECT_THAT(manifest.packs().VerifyPack(pack), SizeIs(0));
    }
    EXPECT_EQ(Open(test::golden::kFull).packs().size(), 1u);
    EXPECT_EQ(Open(test::golden::kIncremental).packs().size(), 2u);
}

TEST_P(GoldenRepositoryTest, Wal_IsWhatWasArchived) {
    const WalArchive archive(*incarnation_);
    for (const std::string_view name :
         {test::golden::kSegment, test::golden::kPartial, test::golden::kBackupHistory}) {
        base::Bytes content;
        const auto index = test::Must(
            archive.Read(*base::WalFileName::Parse(name), [&](base::ByteView part) -> base::Status {
                content.insert(content.end(), part.begin(), part.end());
                return {};
            }));
        EXPECT_EQ(content, test::golden::WalContent(name)) << name;
        EXPECT_EQ(index.host(), "db1");
        EXPECT_EQ(index.commits(), 17u);
    }
    EXPECT_EQ(test::Must(archive.ReadHistory({2})), test::golden::kHistoryText);
    const auto ranges = test::Must(archive.Ranges({1}));
    ASSERT_THAT(ranges, SizeIs(1));
    EXPECT_EQ(ranges[0].from.value, 0x300000u);
    const auto gaps = test::Must(archive.Gaps({1}));
    ASSERT_THAT(gaps, SizeIs(1));
    EXPECT_EQ(gaps[0].reason(), "golden");
}

}  // namespace
}  // namespace agri::repo

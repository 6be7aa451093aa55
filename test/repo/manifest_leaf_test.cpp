// Files of very many extents: leaves keep memory bounded and are shared between backups.
#include <gmock/gmock.h>

#include "repo/manifest_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::ManifestTest;
using test::TestEntry;
using test::TestPacks;
using testing::SizeIs;

bool SameExtents(const std::vector<FileExtent>& a, const std::vector<FileExtent>& b) {
    return std::ranges::equal(a, b, [](const FileExtent& x, const FileExtent& y) {
        return x.length == y.length && x.chunk == y.chunk && x.chunk_offset == y.chunk_offset;
    });
}

TEST_F(ManifestTest, LargeFile_IsReadInRunsOfBoundedLength) {
    const StoredChunk chunk = packs_.Put(test::Noise(8192, 1));
    const size_t count = 5 * kLeafExtents + 7;
    auto extents = Alternating(chunk, count);
    extents.push_back({.length = uint64_t{1} << 40});  // a hole of a terabyte
    const uint64_t size = count * 8192 + (uint64_t{1} << 40);
    test::Must(writer_.AddFile(TestEntry("a", 0), {}));
    test::Must(writer_.AddFile(TestEntry("large", size), extents));
    test::Must(writer_.AddFile(TestEntry("z", 8192), {{.length = 8192, .chunk = chunk}}));
    Commit();
    const ManifestReader reader = Open();
    std::vector<FileExtent> read;
    uint64_t offset = 0;
    int runs = 0;
    test::Must(reader.ForEachFile([&](const ManifestReader::FileRun& run) -> base::Status {
        if (run.entry.path() != "large") return {};
        ++runs;
        EXPECT_EQ(run.first_offset, offset);
        EXPECT_NE(run.leaf, nullptr);
        EXPECT_LE(run.extents.size(), kLeafExtents);
        for (const FileExtent& extent : run.extents) offset += extent.length;
        EXPECT_EQ(run.last, offset == size);
        read.insert(read.end(), run.extents.begin(), run.extents.end());
        return {};
    }));
    EXPECT_EQ(runs, 6);
    EXPECT_TRUE(SameExtents(read, extents));
    const auto found = test::Must(reader.FindFile(0, "large"));
    ASSERT_TRUE(found);
    EXPECT_TRUE(SameExtents(found->extents, extents));
    EXPECT_EQ(found->entry.leaves_size(), 0);
}

TEST_F(ManifestTest, ExtentsUpToTheBound_StayInTheEntry) {
    const StoredChunk chunk = packs_.Put(test::Noise(8192, 1));
    test::Must(
        writer_.AddFile(TestEntry("file", kLeafExtents * 8192), Alternating(chunk, kLeafExtents)));
    Commit();
    int runs = 0;
    test::Must(Open().ForEachFile([&](const ManifestReader::FileRun& run) -> base::Status {
        ++runs;
        EXPECT_EQ(run.leaf, nullptr);
        EXPECT_EQ(run.extents.size(), kLeafExtents);
        return {};
    }));
    EXPECT_EQ(runs, 1);
}

TEST_F(ManifestTest, AddLeaf_FromAnotherBackup_ReusesItsStoredLeaf) {
    const StoredChunk chunk = packs_.Put(test::Noise(8192, 1));
    test::Must(writer_.AddFile(TestEntry("file", 3 * kLeafExtents * 8192),
                               Alternating(chunk, 3 * kLeafExtents)));
    Commit();
    const ManifestReader parent = Open();

    TestPacks packs(test_);
    ManifestWriter child(test_.incarnation(), packs.writer());
    const StoredChunk fresh = packs.Put(test::Noise(8192, 2));
    int runs = 0;
    test::Must(child.BeginFile(TestEntry("file", 3 * kLeafExtents * 8192)));
    test::Must(parent.ForEachFile([&](const ManifestReader::FileRun& run) -> base::Status {
        if (++runs != 2) return child.AddLeaf(*run.leaf, run.extents);
        for (FileExtent extent : run.extents) {
            if (extent.chunk) extent.chunk = fresh;
            AGRI_TRY(child.AddExtent(extent));
        }
        return {};
    }));
    test::Must(child.EndFile());
    test::Must(child.FinishFiles());
    packs.Finish();
    EXPECT_THAT(child.ReferencedPacks(), SizeIs(2));
    constexpr std::string_view kChild = "20261122T213501Z-incremental-0001";
    const auto commit = [&](const std::vector<format::PackRef>& refs) {
        return child.Commit(test::TestHeader(kChild), refs);
    };
    // Without the parent's pack the backup would be incomplete.
    EXPECT_EQ(commit(packs.refs()).error().code, ErrorCode::kInternal);
    std::vector<format::PackRef> refs = packs_.refs();
    refs.push_back(packs.refs().at(0));
    test::Must(commit(refs));

    const auto reader = test::Must(ManifestReader::Open(test_.incarnation(), kChild));
    const auto found = test::Must(reader.FindFile(0, "file"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->extents[1].chunk, chunk);
    EXPECT_EQ(found->extents[kLeafExtents + 1].chunk, fresh);
    EXPECT_EQ(found->extents[2 * kLeafExtents + 1].chunk, chunk);
}

}  // namespace
}  // namespace agri::repo

// Manifests: what was added is found again, by streaming and by name, in bounded pieces.
#include <gmock/gmock.h>

#include <map>

#include "repo/manifest_fixture.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::ManifestTest;
using test::TestEntry;
using testing::ElementsAre;
using testing::SizeIs;

TEST_F(ManifestTest, Commit_FilesOfAllKinds_AreReadBack) {
    const StoredChunk chunk = packs_.Put(test::Noise(16384, 1));
    format::FileEntry root = TestEntry("", 0, format::DIRECTORY);
    format::FileEntry link = TestEntry("pg_tblspc/16400", 0, format::SYMLINK);
    link.set_link_target("/srv/ts");
    format::FileEntry tiny = TestEntry("tiny", 5);
    tiny.set_inline_content("five!");
    format::FileEntry odd = TestEntry("z\xff\n", 8192);
    odd.set_crc32c(42);
    odd.set_has_crc32c(true);
    odd.add_xattrs()->set_name("user.note");
    test::Must(writer_.AddFile(root, {}));
    test::Must(writer_.AddFile(TestEntry("empty", 0), {}));
    test::Must(writer_.AddFile(TestEntry("file", 12288 + 1000000),
                               {{.length = 4096, .chunk = chunk, .chunk_offset = 8192},
                                {.length = 1000000},
                                {.length = 8192, .chunk = chunk}}));
    test::Must(writer_.AddFile(link, {}));
    test::Must(writer_.AddFile(tiny, {}));
    test::Must(writer_.AddFile(odd, {{.length = 8192, .chunk = chunk, .chunk_offset = 8192}}));
    format::PageFailure failure;
    failure.set_path("file");
    writer_.AddPageFailure(failure);
    Commit();

    const ManifestReader reader = Open();
    EXPECT_EQ(reader.header().backup_id(), test::kTestBackup);
    EXPECT_THAT(reader.page_failures(), SizeIs(1));
    EXPECT_EQ(reader.packs().size(), 1u);
    std::map<std::string, format::FileEntry> entries;
    test::Must(reader.ForEachFile([&](const ManifestReader::FileRun& run) -> base::Status {
        EXPECT_TRUE(run.last);
        EXPECT_EQ(run.leaf, nullptr);
        EXPECT_EQ(run.entry.extents_size(), 0);
        EXPECT_EQ(run.extents.size(),
                  run.entry.path() == "file" ? 3u : odd.path() == run.entry.path());
        entries[run.entry.path()] = run.entry;
        return {};
    }));
    EXPECT_THAT(Paths(reader),
                ElementsAre("", "empty", "file", "pg_tblspc/16400", "tiny", "z\xff\n"));
    EXPECT_EQ(entries["pg_tblspc/16400"].link_target(), "/srv/ts");
    EXPECT_EQ(entries["tiny"].inline_content(), "five!");
    EXPECT_EQ(entries["z\xff\n"].crc32c(), 42u);
    EXPECT_EQ(entries["z\xff\n"].xattrs_size(), 1);
}

TEST_F(ManifestTest, ManySmallFiles_ShareBoundedPages) {
    constexpr int kFiles = 100000;
    for (int group = 0; group < kFiles / 100; ++group) {
        const StoredChunk chunk = packs_.Put(fmt::format("chunk of group {:05}", group));
        for (int i = 0; i < 100; ++i)
            test::Must(writer_.AddFile(TestEntry(fmt::format("base/{:05}/{:02}", group, i), 10),
                                       {{.length = 10, .chunk = chunk}}));
    }
    Commit();
    const ManifestReader reader = Open();
    uint64_t files = 0;
    for (const auto& page : reader.pages()) {
        files += page.files();
        EXPECT_LE(page.chunk().plain_length(), kPageTargetBytes);
    }
    EXPECT_EQ(files, uint64_t{kFiles});
    // Full pages, not many small ones: about 30 bytes a file, the shared chunks aside.
    EXPECT_LE(reader.pages().size(), 14u);
    EXPECT_THAT(Paths(reader), SizeIs(kFiles));
    for (const char* path : {"base/00000/00", "base/00499/57", "base/00999/99"}) {
        const auto found = test::Must(reader.FindFile(0, path));
        ASSERT_TRUE(found) << path;
        EXPECT_EQ(found->entry.path(), path);
        EXPECT_THAT(found->extents, SizeIs(1));
    }
    for (const char* path : {"", "base/00499/570", "base/1", "a", "zzz"})
        EXPECT_FALSE(test::Must(reader.FindFile(0, path))) << path;
    EXPECT_FALSE(test::Must(reader.FindFile(1, "base/00000/00")));
}

TEST_F(ManifestTest, LateFiles_AreReadBackInOrder) {
    test::Must(writer_.AddFile(TestEntry("b", 0), {}));
    test::Must(writer_.ReserveLateFile(0, "c"));
    test::Must(writer_.AddFile(TestEntry("d", 0), {}));
    test::Must(writer_.ReserveLateFile(0, "e"));
    test::Must(writer_.ReserveLateFile(0, "never filled"));
    test::Must(writer_.AddFile(TestEntry("z", 0), {}));
    test::Must(writer_.AddLateFile(TestEntry("e", 0), {}));
    const StoredChunk control = packs_.Put(test::Noise(8192, 1));
    test::Must(writer_.AddLateFile(TestEntry("c", 8192), {{.length = 8192, .chunk = control}}));
    Commit();
    EXPECT_THAT(Paths(Open()), ElementsAre("b", "c", "d", "e", "z"));
    EXPECT_TRUE(test::Must(Open().FindFile(0, "e")));
    EXPECT_FALSE(test::Must(Open().FindFile(0, "never filled")));
}

TEST_F(ManifestTest, NoFilesAtAll_IsAManifestToo) {
    Commit();
    EXPECT_THAT(Open().pages(), SizeIs(0));
    EXPECT_THAT(Paths(Open()), SizeIs(0));
    EXPECT_FALSE(test::Must(Open().FindFile(0, "a")));
}

TEST_F(ManifestTest, ForEachFile_VisitorFails_PassesItsErrorOn) {
    test::Must(writer_.AddFile(TestEntry("a", 0), {}));
    Commit();
    const auto stopped = Open().ForEachFile([](const auto&) -> base::Status {
        return base::MakeError(ErrorCode::kNoSpace, "the target is full");
    });
    EXPECT_EQ(stopped.error().message, "the target is full");
}

TEST_F(ManifestTest, ReadManifestHeader_ReadsOnlyTheHead) {
    for (int i = 0; i < 3000; ++i)
        test::Must(writer_.AddFile(TestEntry(fmt::format("{:05}", i), 0), {}));
    format::ManifestHeader header = test::TestHeader();
    header.set_label("before the upgrade");
    Commit(header);
    const uint64_t before = test_.disk->operations();
    const auto read = test::Must(ReadManifestHeader(test_.incarnation(), test::kTestBackup));
    EXPECT_EQ(read.label(), "before the upgrade");
    EXPECT_LE(test_.disk->operations() - before, 3u);
}

TEST_F(ManifestTest, ManyPacksAndFailures_SpanSeveralFrames) {
    format::PackRef ref;
    packs_.Put("chunk");
    ref = packs_.Finish().at(0);
    std::vector<format::PackRef> refs = {ref};
    for (uint64_t i = 0; i < 20000; ++i) {
        const base::Bytes id = test::Noise(16, i);
        ref.set_pack_id(id.data(), id.size());
        refs.push_back(ref);
    }
    format::PageFailure failure;
    failure.set_path("base/16384/16385");
    for (size_t i = 0; i < kMaxPageFailures + 5; ++i) writer_.AddPageFailure(failure);
    test::Must(writer_.FinishFiles());
    test::Must(writer_.Commit(test::TestHeader(), refs));
    EXPECT_EQ(Open().packs().size(), refs.size());
    EXPECT_THAT(Open().page_failures(), SizeIs(kMaxPageFailures));
}

}  // namespace
}  // namespace agri::repo

// Hostile file pages and leaves, built by hand: no ordinal, length or sum is taken on trust.
#include "repo/file_page.hpp"

#include <gmock/gmock.h>

#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::ErrorCode;
using test::ExpectCorrupt;
using test::TestEntry;

format::ChunkRef Chunk() {
    format::ChunkRef ref;
    ref.set_offset(64);
    ref.set_stored_length(100);
    ref.set_plain_length(100);
    ref.set_digest(std::string(16, 'd'));
    return ref;
}

// A page of a small file (one chunk and zeros) and a large one (two leaves).
struct SamplePage {
    SamplePage() {
        *page.add_pack_ids() = std::string(16, 'p');
        *page.add_chunks() = Chunk();
        format::FileEntry small = TestEntry("a", 150);
        auto* data = small.add_extents();
        data->set_length(90);
        data->set_chunk(1);
        data->set_chunk_offset(10);
        small.add_extents()->set_length(60);
        *page.add_files() = small;
        format::FileEntry large = TestEntry("b", 3000);
        for (const uint64_t length : {1000, 2000}) {
            auto* leaf = large.add_leaves();
            leaf->set_length(length);
            *leaf->mutable_chunk() = Chunk();
        }
        *page.add_files() = large;
        ref.set_files(2);
        ref.set_first_path("a");
    }
    base::Result<ParsedPage> Parse() const {
        FileOrder order;
        return ParseFilePage(AsBytes(page.SerializeAsString()), ref, order);
    }
    base::Result<std::vector<FileExtent>> Extents() const {
        AGRI_ASSIGN(const ParsedPage parsed, Parse());
        return ResolveExtents(parsed, parsed.page.files(0));
    }
    base::Result<std::vector<StoredLeaf>> Leaves() const {
        AGRI_ASSIGN(const ParsedPage parsed, Parse());
        return ResolveLeaves(parsed, parsed.page.files(1));
    }

    format::FilePage page;
    format::FilePageRef ref;
};

// What `read` says of the sample after `change`.
template <class Read, class Change>
void Expect(Read read, Change change) {
    SamplePage sample;
    change(sample.page, sample.ref);
    ExpectCorrupt((sample.*read)());
}

TEST(FilePageTest, Sound_IsParsed) {
    const SamplePage sample;
    ASSERT_TRUE(sample.Parse());
    const auto extents = sample.Extents();
    ASSERT_TRUE(extents);
    EXPECT_EQ(extents->at(0).chunk->plain_length, 100u);
    EXPECT_EQ(extents->at(0).chunk_offset, 10u);
    EXPECT_FALSE(extents->at(1).chunk);
    EXPECT_EQ(sample.Leaves()->size(), 2u);
}

TEST(FilePageTest, Parse_NotThePageReferredTo_IsCorrupt) {
    const auto expect = [](auto change) { Expect(&SamplePage::Parse, change); };
    expect([](auto&, auto& ref) { ref.set_files(1); });
    expect([](auto&, auto& ref) { ref.set_files(3); });
    expect([](auto&, auto& ref) { ref.set_files(0); });
    expect([](auto&, auto& ref) { ref.set_first_path("b"); });
    expect([](auto&, auto& ref) { ref.set_first_root(1); });
    expect([](auto& page, auto& ref) {
        page.clear_files();
        ref.set_files(0);
    });
    FileOrder order;
    ExpectCorrupt(ParseFilePage(AsBytes("\x0a\xff"), SamplePage().ref, order));
}

TEST(FilePageTest, Parse_TablesOutOfRange_AreCorrupt) {
    const auto expect = [](auto change) { Expect(&SamplePage::Parse, change); };
    expect([](auto& page, auto&) { page.clear_pack_ids(); });
    expect([](auto& page, auto&) { page.set_pack_ids(0, "short"); });
    expect([](auto& page, auto&) { page.mutable_chunks(0)->set_pack(1); });
    expect([](auto& page, auto&) { page.mutable_chunks(0)->set_plain_length(UINT32_MAX); });
    expect([](auto& page, auto&) { page.mutable_chunks(0)->set_offset(1); });
}

TEST(FilePageTest, Parse_EntriesOutOfForm_AreCorrupt) {
    const auto expect = [](auto change) { Expect(&SamplePage::Parse, change); };
    expect([](auto& page, auto&) { page.mutable_files()->SwapElements(0, 1); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_path("a"); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_path("a/b"); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_path("b/../../etc"); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_type(format::DIRECTORY); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_type(format::SYMLINK); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_mode(040755); });
    expect([](auto& page, auto&) { page.mutable_files(1)->set_inline_content("both"); });
    expect([](auto& page, auto&) {
        *page.mutable_files(1)->add_extents() = page.files(0).extents(0);
    });
    expect([](auto& page, auto&) {
        page.mutable_files(0)->clear_extents();
        page.mutable_files(0)->set_inline_content("not 150 bytes");
    });
}

TEST(FilePageTest, ResolveExtents_OutOfRange_IsCorrupt) {
    const auto expect = [](auto change) {
        Expect(&SamplePage::Extents, [&](auto& page, auto&) { change(*page.mutable_files(0)); });
    };
    expect([](auto& file) { file.mutable_extents(0)->set_chunk(2); });
    expect([](auto& file) { file.mutable_extents(0)->set_chunk(UINT32_MAX); });
    expect([](auto& file) { file.mutable_extents(0)->set_chunk_offset(11); });
    expect([](auto& file) { file.mutable_extents(0)->set_chunk_offset(UINT32_MAX); });
    expect([](auto& file) { file.mutable_extents(0)->set_length(UINT64_MAX); });
    expect([](auto& file) { file.mutable_extents(0)->set_length(0); });
    expect([](auto& file) { file.mutable_extents(1)->set_chunk_offset(1); });
    expect([](auto& file) { file.mutable_extents(1)->set_length(61); });
    expect([](auto& file) { file.mutable_extents(1)->set_length(UINT64_MAX - 89); });
    expect([](auto& file) { file.mutable_extents()->RemoveLast(); });
    expect([](auto& file) { file.clear_extents(); });
    expect([](auto& file) { file.set_size(UINT64_MAX); });
    expect([](auto& file) { file.set_size(0); });
}

TEST(FilePageTest, ResolveLeaves_OutOfRange_IsCorrupt) {
    const auto expect = [](auto change) {
        Expect(&SamplePage::Leaves, [&](auto& page, auto&) { change(*page.mutable_files(1)); });
    };
    expect([](auto& file) { file.mutable_leaves(0)->set_length(0); });
    expect([](auto& file) { file.mutable_leaves(0)->set_length(1001); });
    expect([](auto& file) { file.mutable_leaves(1)->set_length(UINT64_MAX - 500); });
    expect([](auto& file) { file.mutable_leaves()->RemoveLast(); });
    expect([](auto& file) { file.mutable_leaves(0)->mutable_chunk()->set_pack(7); });
    expect([](auto& file) { file.mutable_leaves(0)->clear_chunk(); });
}

TEST(LeafTest, Parse_OutOfRange_IsCorrupt) {
    format::Leaf sound;
    *sound.add_pack_ids() = std::string(16, 'p');
    *sound.add_chunks() = Chunk();
    auto* extent = sound.add_extents();
    extent->set_length(100);
    extent->set_chunk(1);
    const auto parse = [](const format::Leaf& leaf, uint64_t length) {
        return ParseLeaf(AsBytes(leaf.SerializeAsString()), length);
    };
    ASSERT_TRUE(parse(sound, 100));
    ExpectCorrupt(parse(sound, 99));
    ExpectCorrupt(parse(sound, 101));
    ExpectCorrupt(parse({}, 100));
    const auto expect = [&](auto change) {
        format::Leaf leaf = sound;
        change(leaf);
        ExpectCorrupt(parse(leaf, 100));
    };
    expect([](auto& leaf) { leaf.mutable_extents(0)->set_chunk(3); });
    expect([](auto& leaf) { leaf.mutable_extents(0)->set_chunk_offset(1); });
    expect([](auto& leaf) { leaf.add_extents(); });
    expect([](auto& leaf) { leaf.mutable_chunks(0)->set_pack(1); });
    expect([](auto& leaf) { leaf.mutable_chunks(0)->clear_digest(); });
    expect([](auto& leaf) { leaf.set_pack_ids(0, ""); });
}

TEST(FileOrderTest, LongChainOfPrefixes_IsFollowed) {
    FileOrder order;
    std::string path;
    for (int i = 0; i < 200; ++i) {
        path += 'a';
        ASSERT_TRUE(order.Next(TestEntry(path, 0)));
    }
    EXPECT_FALSE(order.Next(TestEntry(path.substr(0, 100) + "/b", 0)));
}

TEST(SafePathTest, IsSafeRelativePath_TellsTheTwoApart) {
    for (const char* path : {"a", "a/b", "...", "a/..b", ".hidden", "a b", "-", "\\"})
        EXPECT_TRUE(IsSafeRelativePath(path)) << path;
    for (const char* path : {"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b"})
        EXPECT_FALSE(IsSafeRelativePath(path)) << path;
    EXPECT_FALSE(IsSafeRelativePath(std::string_view("a\0", 2)));
    EXPECT_TRUE(IsSafeRelativePath(std::string(255, 'a')));
    EXPECT_FALSE(IsSafeRelativePath(std::string(256, 'a')));
    std::string deep = "d";
    while (deep.size() + 2 <= 4095) deep += "/d";
    EXPECT_TRUE(IsSafeRelativePath(deep));
    EXPECT_FALSE(IsSafeRelativePath(deep + "/d"));
}

}  // namespace
}  // namespace agri::repo

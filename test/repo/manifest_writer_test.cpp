// What a manifest writer refuses, because a reader would; and who wins the manifest's key.
#include <gmock/gmock.h>

#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::TestEntry;
using test::TestPacks;
using test::TestRepository;
using testing::HasSubstr;
using FileExtent = ManifestWriter::FileExtent;

class ManifestWriterTest : public testing::Test {
   protected:
    void ExpectRefused(const base::Status& status, std::string_view text) {
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
        EXPECT_THAT(status.error().message, HasSubstr(std::string(text)));
    }
    // A writer of its own for every attempt: after an error it is of no more use.
    base::Status Add(const std::vector<format::FileEntry>& entries,
                     const std::vector<FileExtent>& extents = {}) {
        ManifestWriter writer(test_.incarnation(), packs_.writer());
        for (const auto& entry : entries) AGRI_TRY(writer.AddFile(entry, extents));
        return {};
    }
    base::Status Commit(const format::ManifestHeader& header) {
        ManifestWriter writer(test_.incarnation(), packs_.writer());
        AGRI_TRY(writer.FinishFiles());
        return writer.Commit(header, {});
    }

    TestRepository test_;
    TestPacks packs_{test_};
};

TEST_F(ManifestWriterTest, AddFile_OutOfOrder_IsRefused) {
    ExpectRefused(Add({TestEntry("b", 0), TestEntry("a", 0)}), "out of order");
    ExpectRefused(Add({TestEntry("a", 0), TestEntry("a", 0)}), "out of order");
    format::FileEntry other_root = TestEntry("a", 0);
    other_root.set_root(1);
    EXPECT_TRUE(Add({TestEntry("b", 0), other_root}));
    ExpectRefused(Add({other_root, TestEntry("b", 0)}), "out of order");
}

TEST_F(ManifestWriterTest, AddFile_UnsafePath_IsRefused) {
    for (const char* path : {"/etc/passwd", "../a", "a/../b", "a//b", "a/", ".", "a/./b", "/"})
        ExpectRefused(Add({TestEntry(path, 0)}), "no path below a file root");
    ExpectRefused(Add({TestEntry(std::string_view("a\0b", 3), 0)}), "a\\x00b");
    ExpectRefused(Add({TestEntry(std::string(256, 'n'), 0)}), "no path");
}

TEST_F(ManifestWriterTest, AddFile_BelowWhatIsNoDirectory_IsRefused) {
    format::FileEntry link = TestEntry("a", 0, format::SYMLINK);
    link.set_link_target("/etc");
    ExpectRefused(Add({link, TestEntry("a-b", 0), TestEntry("a-b-c", 0), TestEntry("a/passwd", 0)}),
                  "no directory");
    ExpectRefused(Add({TestEntry("a", 0), TestEntry("a/b", 0)}), "no directory");
    ExpectRefused(Add({TestEntry("", 0), TestEntry("b", 0)}), "root that is a file");
    EXPECT_TRUE(Add({TestEntry("a", 0, format::DIRECTORY), TestEntry("a-b", 0), TestEntry("a/b", 0),
                     TestEntry("ab", 0), TestEntry("b", 0)}));
}

TEST_F(ManifestWriterTest, AddFile_ContentOfAnotherLength_IsRefused) {
    const StoredChunk chunk = packs_.Put("0123456789");
    const auto add = [&](uint64_t size, FileExtent extent) {
        return Add({TestEntry("a", size)}, {extent});
    };
    EXPECT_TRUE(add(10, {.length = 10, .chunk = chunk}));
    ExpectRefused(add(11, {.length = 10, .chunk = chunk}), "cover 10 of 11");
    ExpectRefused(add(9, {.length = 10, .chunk = chunk}), "more than the file");
    ExpectRefused(add(11, {.length = 11, .chunk = chunk}), "past the end of its chunk");
    ExpectRefused(add(10, {.length = 10, .chunk = chunk, .chunk_offset = 1}), "past the end");
    ExpectRefused(add(0, {.length = 0}), "empty");
    ExpectRefused(add(0, {.length = 1}), "more than the file");
    StoredChunk impossible = chunk;
    impossible.stored_length = 0;
    ExpectRefused(add(10, {.length = 10, .chunk = impossible}), "impossible lengths");
}

TEST_F(ManifestWriterTest, AddFile_ContentThatDoesNotFitItsType_IsRefused) {
    const auto expect = [&](format::FileEntry entry, auto change) {
        change(entry);
        ExpectRefused(Add({entry}), "");
    };
    const format::FileEntry file = TestEntry("a", 0);
    const format::FileEntry folder = TestEntry("a", 0, format::DIRECTORY);
    format::FileEntry link = TestEntry("a", 0, format::SYMLINK);
    link.set_link_target("b");
    ASSERT_TRUE(Add({link}));
    expect(link, [](auto& entry) { entry.clear_link_target(); });
    expect(link, [](auto& entry) { entry.set_size(1); });
    expect(link, [](auto& entry) { entry.set_path(""); });
    expect(link, [](auto& entry) { entry.set_link_target(std::string("b\0", 2)); });
    expect(link, [](auto& entry) { entry.set_inline_content("b"); });
    expect(folder, [](auto& entry) { entry.set_size(1); });
    expect(folder, [](auto& entry) { entry.set_written_last(true); });
    expect(folder, [](auto& entry) { entry.set_link_target("b"); });
    expect(file, [](auto& entry) { entry.set_link_target("b"); });
    expect(file, [](auto& entry) { entry.set_inline_content("b"); });
    expect(file, [](auto& entry) { entry.set_type(format::FILE_UNSPECIFIED); });
    expect(file, [](auto& entry) { entry.set_type(static_cast<format::FileType>(9)); });
    expect(file, [](auto& entry) { entry.set_mode(0100600); });
    expect(file, [](auto& entry) { entry.set_owner(std::string(300, 'o')); });
    expect(file, [](auto& entry) { entry.add_xattrs(); });
    expect(file, [](auto& entry) {
        entry.set_size(kMaxInlineBytes + 1);
        entry.set_inline_content(std::string(kMaxInlineBytes + 1, 'i'));
    });
}

TEST_F(ManifestWriterTest, AddLateFile_WithoutItsPlace_IsRefused) {
    ManifestWriter writer(test_.incarnation(), packs_.writer());
    test::Must(writer.ReserveLateFile(0, "pg_control"));
    ExpectRefused(writer.ReserveLateFile(0, "base"), "out of order");
    test::Must(writer.AddLateFile(TestEntry("pg_control", 0), {}));
    ExpectRefused(writer.AddLateFile(TestEntry("pg_control", 0), {}), "no place is reserved");
}

TEST_F(ManifestWriterTest, AddFile_AttributesBeyondAPage_AreUnsupported) {
    format::FileEntry entry = TestEntry("a", 0);
    for (int i = 0; i < 40; ++i) {
        auto* xattr = entry.add_xattrs();
        xattr->set_name(fmt::format("user.{}", i));
        xattr->set_value(std::string(60000, 'v'));
    }
    const base::Status added = Add({entry});
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(added.error().message, HasSubstr("file \"a\""));
}

TEST_F(ManifestWriterTest, Commit_ImplausibleHeader_IsRefused) {
    ASSERT_TRUE(Commit(test::TestHeader("20261122T203501Z-full-0000")));
    const auto expect = [&](auto change) {
        format::ManifestHeader header = test::TestHeader();
        change(header);
        ExpectRefused(Commit(header), "the header");
    };
    expect([](auto& header) { header.set_format_version(0); });
    expect([](auto& header) { header.set_backup_id("../../keys"); });
    expect([](auto& header) { header.set_kind(format::ManifestHeader::KIND_UNSPECIFIED); });
    expect([](auto& header) { header.set_system_identifier(1); });
    expect([](auto& header) { header.set_block_size(0); });
    expect([](auto& header) { header.set_block_size(8191); });
    expect([](auto& header) { header.set_wal_block_size(1); });
    expect([](auto& header) { header.set_wal_segment_size(0); });
    expect([](auto& header) { header.set_timeline(0); });
    expect([](auto& header) { header.set_stop_timeline(0); });
    expect([](auto& header) { header.set_start_lsn(0); });
    expect([](auto& header) { header.set_stop_lsn(1); });
    expect([](auto& header) { header.clear_roots(); });
    expect([](auto& header) { *header.add_roots() = header.roots(0); });
    expect([](auto& header) { header.mutable_roots(0)->set_path("relative"); });
    expect([](auto& header) { header.mutable_roots(0)->set_kind({}); });
    expect([](auto& header) { header.add_parents("parent"); });
    expect([](auto& header) { header.add_parents(std::string(test::kTestBackup)); });
}

TEST_F(ManifestWriterTest, Commit_TextThatCouldNotBeReadBack_IsRefused) {
    format::ManifestHeader header = test::TestHeader();
    header.set_preload_libraries("/usr/lib/\xe4.so");
    EXPECT_EQ(Commit(header).error().code, ErrorCode::kInvalidArgument);
    header.clear_preload_libraries();
    header.set_label("Sch\xfctze");  // may be in any encoding
    ASSERT_TRUE(Commit(header));
    EXPECT_EQ(ReadManifestHeader(test_.incarnation(), test::kTestBackup)->label(), "Sch\xfctze");
}

TEST_F(ManifestWriterTest, Commit_OtherDigestSeedOrUnfinished_IsInternal) {
    format::ManifestHeader header = test::TestHeader();
    header.set_digest_seed(1);
    EXPECT_EQ(Commit(header).error().code, ErrorCode::kInternal);
    ManifestWriter writer(test_.incarnation(), packs_.writer());
    EXPECT_EQ(writer.Commit(test::TestHeader(), {}).error().code, ErrorCode::kInternal);
    test::Must(writer.BeginFile(TestEntry("a", 0)));
    EXPECT_FALSE(writer.FinishFiles());
}

TEST_F(ManifestWriterTest, Commit_FilesInARootThatIsNotListed_IsInternal) {
    ManifestWriter writer(test_.incarnation(), packs_.writer());
    format::FileEntry entry = TestEntry("a", 0);
    entry.set_root(4);
    test::Must(writer.AddFile(entry, {}));
    test::Must(writer.FinishFiles());
    const base::Status committed = writer.Commit(test::TestHeader(), packs_.Finish());
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, ErrorCode::kInternal);
    EXPECT_THAT(committed.error().message, HasSubstr("root 4"));
}

TEST_F(ManifestWriterTest, Commit_AfterATombstone_IsConflictThatNamesWho) {
    format::Tombstone tombstone;
    tombstone.set_backup_id(std::string(test::kTestBackup));
    tombstone.set_host("db2");
    tombstone.set_reason("its lease expired");
    ASSERT_TRUE(PutTombstone(test_.incarnation(), tombstone));
    const base::Status late = Commit(test::TestHeader());
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::kConflict);
    EXPECT_THAT(late.error().message, HasSubstr("was given up by host \"db2\""));
    EXPECT_THAT(late.error().message, HasSubstr("its lease expired"));
    const auto read = ManifestReader::Open(test_.incarnation(), test::kTestBackup);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(read.error().message, HasSubstr("was given up"));
}

TEST_F(ManifestWriterTest, Commit_AfterAnotherManifest_IsConflict) {
    ASSERT_TRUE(Commit(test::TestHeader()));
    const base::Status again = Commit(test::TestHeader());
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kConflict);
    EXPECT_THAT(again.error().message, HasSubstr("another manifest"));
}

TEST_F(ManifestWriterTest, Commit_AfterSomethingUnreadable_IsCorrupt) {
    const std::string key = test_.incarnation().keys().Manifest(test::kTestBackup);
    test_.disk->Overwrite(key, test::Noise(100, 1));
    const base::Status status = Commit(test::TestHeader());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(status.error().message, HasSubstr(key));
}

TEST_F(ManifestWriterTest, Commit_PowerLostAtAnyPoint_LeavesAllOrNothing) {
    const uint64_t before = test_.disk->operations();
    ASSERT_TRUE(Commit(test::TestHeader("20261122T203501Z-full-0000")));
    const uint64_t operations = test_.disk->operations() - before;
    for (uint64_t n = 0; n <= operations; ++n) {
        const std::string id = fmt::format("20261122T203501Z-full-{:04x}", n + 1);
        test_.disk->CutPowerAfter(n);
        const bool committed = Commit(test::TestHeader(id)).has_value();
        test_.disk->PowerOn(test::Unsynced::kLost);
        EXPECT_EQ(ReadManifestHeader(test_.incarnation(), id).has_value(), committed) << n;
    }
}

}  // namespace
}  // namespace agri::repo

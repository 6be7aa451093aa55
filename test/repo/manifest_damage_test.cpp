// Damaged and lying manifests as objects: whatever is wrong, the error names the manifest or the
// pack at fault, and nothing is handed out that was not checked.
#include <gmock/gmock.h>

#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::ErrorCode;
using test::TestEntry;
using test::TestPacks;
using test::TestRepository;
using testing::AnyOf;
using testing::HasSubstr;

base::Status ReadEverything(const Incarnation& incarnation) {
    AGRI_ASSIGN(const ManifestReader reader, ManifestReader::Open(incarnation, test::kTestBackup));
    return reader.ForEachFile([](const ManifestReader::FileRun&) { return base::Status{}; });
}

class ManifestDamageTest : public testing::Test {
   protected:
    std::string Key() const { return test_.incarnation().keys().Manifest(test::kTestBackup); }
    // Writes the frames of a manifest as they are given.
    void PutFrames(const std::vector<std::string>& frames) {
        test_.disk->Erase(Key());
        SealedWriter writer = test::Must(SealedWriter::Create(
            test_.repository().storage(), test_.repository(), ObjectKind::kManifest, Key(), 3));
        for (size_t i = 0; i + 1 < frames.size(); ++i)
            test::Must(writer.AppendFrame(AsBytes(frames[i])));
        test::Must(writer.Finish(AsBytes(frames.back())));
    }
    void Put(const format::ManifestHeader& header, const format::ManifestPart& part) {
        PutFrames({header.SerializeAsString(), part.SerializeAsString()});
    }
    // A page of these entries, as a part of a manifest with its pack.
    format::ManifestPart PartOf(const format::FilePage& page) {
        TestPacks packs(test_);
        const StoredChunk chunk =
            test::Must(packs.writer().AppendMetadata(AsBytes(page.SerializeAsString())));
        format::ManifestPart part;
        *part.add_packs() = packs.Finish().at(0);
        auto* ref = part.add_file_pages();
        ref->set_pack_id(part.packs(0).pack_id());
        ref->set_files(static_cast<uint32_t>(page.files_size()));
        ref->set_first_path(page.files(0).path());
        ref->set_first_root(page.files(0).root());
        auto* at = ref->mutable_chunk();
        at->set_frame(chunk.frame);
        at->set_offset(chunk.offset);
        at->set_stored_length(chunk.stored_length);
        at->set_plain_length(chunk.plain_length);
        at->set_digest(chunk.digest.data(), chunk.digest.size());
        return part;
    }
    void ExpectCorrupt(std::string_view text, std::string_view object = "") {
        const base::Status read = ReadEverything(test_.incarnation());
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(read.error().message, HasSubstr(object.empty() ? Key() : std::string(object)));
        EXPECT_THAT(read.error().message, HasSubstr(std::string(text)));
    }
    template <class Change>
    void ExpectPartCorrupt(std::string_view text, Change change) {
        format::ManifestPart part = sound_;
        change(part);
        Put(test::TestHeader(), part);
        ExpectCorrupt(text);
    }
    static format::FilePage PageOf(const std::vector<std::string>& paths, uint32_t root = 0) {
        format::FilePage page;
        for (const std::string& path : paths) {
            *page.add_files() = TestEntry(path, 0);
            page.mutable_files()->rbegin()->set_root(root);
        }
        return page;
    }

    TestRepository test_;
    format::ManifestPart sound_ = PartOf(PageOf({"a", "b"}));
};

TEST_F(ManifestDamageTest, AnyBitFlipped_IsAnErrorThatNamesTheManifest) {
    Put(test::TestHeader(), sound_);
    ASSERT_TRUE(ReadEverything(test_.incarnation()));
    const base::Bytes sound = test_.Content(Key());
    for (size_t i = 0; i < sound.size(); ++i) {
        base::Bytes damaged = sound;
        damaged[i] ^= static_cast<std::byte>(1 << i % 8);
        test_.disk->Overwrite(Key(), damaged);
        const base::Status read = ReadEverything(test_.incarnation());
        ASSERT_FALSE(read) << "byte " << i;
        EXPECT_THAT(read.error().message, HasSubstr(Key()));
        EXPECT_THAT(read.error().code, AnyOf(ErrorCode::kCorrupt, ErrorCode::kUnsupported,
                                             ErrorCode::kAuthentication));
    }
}

TEST_F(ManifestDamageTest, CutAnywhere_IsCorrupt) {
    Put(test::TestHeader(), sound_);
    const base::Bytes sound = test_.Content(Key());
    for (size_t length = 0; length < sound.size(); ++length) {
        test_.disk->Overwrite(Key(), {sound.begin(), sound.begin() + ptrdiff_t(length)});
        ExpectCorrupt("");
    }
}

TEST_F(ManifestDamageTest, ManifestOfAnotherBackupInItsPlace_IsCorrupt) {
    constexpr std::string_view kOther = "20261122T203501Z-full-0000";
    ManifestWriter writer(test_.incarnation(), TestPacks(test_).writer());
    Put(test::TestHeader(kOther), sound_);
    ExpectCorrupt("another backup");
    test_.disk->Overwrite(test_.incarnation().keys().Manifest(kOther), test_.Content(Key()));
    EXPECT_EQ(ReadManifestHeader(test_.incarnation(), kOther).error().code, ErrorCode::kCorrupt);
}

TEST_F(ManifestDamageTest, FramesThatAreNoMessages_AreCorrupt) {
    PutFrames({"\xff\xff"});
    ExpectCorrupt("ManifestHeader");
    PutFrames({test::TestHeader().SerializeAsString(), "\xff\xff", sound_.SerializeAsString()});
    ExpectCorrupt("ManifestPart");
}

TEST_F(ManifestDamageTest, NewerFormat_IsUnsupportedAndSaysHowToGoOn) {
    format::ManifestHeader header = test::TestHeader();
    header.set_format_version(2);
    Put(header, sound_);
    const auto read = ManifestReader::Open(test_.incarnation(), test::kTestBackup);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(read.error().message, HasSubstr(Key()));
    EXPECT_THAT(read.error().hint, HasSubstr("Upgrade"));
}

TEST_F(ManifestDamageTest, PartOutOfForm_IsCorrupt) {
    ExpectPartCorrupt("digest", [](auto& part) { part.mutable_packs(0)->clear_digest(); });
    ExpectPartCorrupt("does not list", [](auto& part) { part.clear_packs(); });
    ExpectPartCorrupt("outside the pack",
                      [](auto& part) { part.mutable_packs(0)->set_length(145); });
    ExpectPartCorrupt("no files", [](auto& part) { part.mutable_file_pages(0)->set_files(0); });
    ExpectPartCorrupt("no path",
                      [](auto& part) { part.mutable_file_pages(0)->set_first_path("../a"); });
    ExpectPartCorrupt("root 9 is unknown",
                      [](auto& part) { part.mutable_file_pages(0)->set_first_root(9); });
    ExpectPartCorrupt("out of order",
                      [](auto& part) { *part.add_file_pages() = part.file_pages(0); });
    ExpectPartCorrupt("other files",
                      [](auto& part) { part.mutable_file_pages(0)->set_first_path("0"); });
    ExpectPartCorrupt("other files", [](auto& part) { part.mutable_file_pages(0)->set_files(5); });
    ExpectPartCorrupt("damaged pages", [](auto& part) {
        for (size_t i = 0; i <= kMaxPageFailures; ++i) part.add_page_failures();
    });
    ExpectPartCorrupt("contradict", [](auto& part) {
        auto* other = part.add_packs();
        *other = part.packs(0);
        other->set_length(other->length() + 1);
    });
}

TEST_F(ManifestDamageTest, PageReferenceLies_NamesThePack) {
    const std::string pack = test_.incarnation().keys().Pack(AsBytes(sound_.packs(0).pack_id()));
    sound_.mutable_file_pages(0)->mutable_chunk()->set_frame(1);
    Put(test::TestHeader(), sound_);
    ExpectCorrupt("", pack);
}

TEST_F(ManifestDamageTest, PackMissing_IsCorruptAndNamesThePack) {
    const std::string pack = test_.incarnation().keys().Pack(AsBytes(sound_.packs(0).pack_id()));
    Put(test::TestHeader(), sound_);
    test_.disk->Erase(pack);
    ExpectCorrupt("missing", pack);
}

TEST_F(ManifestDamageTest, PagesThatOverlap_AreCorrupt) {
    format::ManifestPart part = PartOf(PageOf({"a", "d"}));
    part.MergeFrom(PartOf(PageOf({"c", "e"})));
    Put(test::TestHeader(), part);
    ExpectCorrupt("out of order");
}

TEST_F(ManifestDamageTest, SymlinkAndFileBelowItInAnotherPage_AreCorrupt) {
    format::FilePage links = PageOf({"a"});
    links.mutable_files(0)->set_type(format::SYMLINK);
    links.mutable_files(0)->set_link_target("/etc");
    format::ManifestPart part = PartOf(links);
    part.MergeFrom(PartOf(PageOf({"a/passwd"})));
    Put(test::TestHeader(), part);
    ExpectCorrupt("no directory");
}

TEST_F(ManifestDamageTest, EntryInAnUnknownRoot_IsCorrupt) {
    format::FilePage page = PageOf({"a", "b"});
    page.mutable_files(1)->set_root(3);
    Put(test::TestHeader(), PartOf(page));
    ExpectCorrupt("unknown root 3");
}

TEST_F(ManifestDamageTest, ChunkInAPackThatIsNotListed_IsCorrupt) {
    format::FilePage page = PageOf({"a"});
    *page.add_pack_ids() = std::string(16, 'p');
    auto* chunk = page.add_chunks();
    chunk->set_offset(64);
    chunk->set_stored_length(1);
    chunk->set_plain_length(1);
    chunk->set_digest(std::string(16, 'd'));
    page.mutable_files(0)->set_size(1);
    auto* extent = page.mutable_files(0)->add_extents();
    extent->set_length(1);
    extent->set_chunk(1);
    Put(test::TestHeader(), PartOf(page));
    ExpectCorrupt("does not list pack 7070");
}

TEST_F(ManifestDamageTest, FindFile_ChecksThePageToo) {
    format::FilePage page = PageOf({"a", "b"});
    page.mutable_files(1)->set_path("../b");
    Put(test::TestHeader(), PartOf(page));
    const auto reader = test::Must(ManifestReader::Open(test_.incarnation(), test::kTestBackup));
    EXPECT_EQ(reader.FindFile(0, "a").error().code, ErrorCode::kCorrupt);
}

TEST_F(ManifestDamageTest, NoManifest_IsNotFound) {
    EXPECT_EQ(ReadEverything(test_.incarnation()).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(ReadManifestHeader(test_.incarnation(), "../../etc").error().code,
              ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace agri::repo

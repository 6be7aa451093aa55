// Packs and chunks: what goes in comes out, limits close packs, and a writer that failed stays
// shut.
#include <gmock/gmock.h>

#include "repo/pack_format.hpp"
#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::AsText;
using base::ByteView;
using base::ErrorCode;
using test::TestPacks;
using test::TestRepository;
using testing::HasSubstr;
using testing::SizeIs;

format::PackFooter FooterOf(const TestRepository& test, const format::PackRef& ref) {
    const std::string name = test.incarnation().keys().Pack(AsBytes(ref.pack_id()));
    const base::Bytes pack = test.Content(name);
    const PackTrailer trailer =
        test::Must(PackTrailer::Decode(ByteView(pack).last(kPackTrailerBytes)));
    const ByteView frame =
        ByteView(pack).first(pack.size() - kPackTrailerBytes).subspan(trailer.footer_offset);
    const ObjectHeader header = test::Must(ObjectHeader::Decode(pack, name));
    const codec::ObjectKey key = test::Must(test.repository().KeyFor(header, name));
    base::Bytes plain(test::Must(FrameHeader::Decode(frame)).plain_length);
    FrameCoder coder(kNoCompression);
    test::Must(coder.Decode(key, trailer.footer_frame, frame, true, plain));
    return test::Must(ParsePackFooter(plain, trailer));
}

class PackTest : public testing::TestWithParam<bool> {
   protected:
    TestRepository test_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Sealing, PackTest, testing::Bool());

TEST_P(PackTest, Append_ChunksOfManySizes_AreReadBackAndVerified) {
    TestPacks packs(test_);
    std::vector<std::pair<base::Bytes, StoredChunk>> chunks;
    for (const size_t size : {1u, 2u, 127u, 8192u, 100000u, kMaxFramePlainBytes}) {
        chunks.emplace_back(test::Noise(size, size), StoredChunk{});
        chunks.back().second = packs.Put(chunks.back().first);
        chunks.emplace_back(base::Bytes(size, std::byte{'x'}), StoredChunk{});
        chunks.back().second = packs.Put(chunks.back().first);
    }
    ASSERT_THAT(packs.Finish(), SizeIs(1));
    const PackStore store = packs.Store();
    ChunkReader reader(store, test::kTestSeed);
    for (const auto& [plain, chunk] : chunks) {
        const auto read = reader.Read(chunk);
        ASSERT_TRUE(read) << read.error().ToString();
        EXPECT_TRUE(std::ranges::equal(*read, plain));
    }
    EXPECT_THAT(store.VerifyPack(store.packs()[0]), SizeIs(0));
    EXPECT_EQ(packs.writer().stored_bytes(), packs.refs()[0].length());
}

TEST_P(PackTest, Append_LimitsReached_ClosesThePack) {
    TestPacks by_size(test_, {.target_bytes = 100000});
    for (uint64_t i = 0; i < 10; ++i) by_size.Put(test::Noise(30000, i));
    EXPECT_THAT(by_size.Finish(), SizeIs(3));
    TestPacks by_count(test_, {.max_chunks = 4});
    for (int i = 0; i < 9; ++i) by_count.Put("chunk");
    EXPECT_THAT(by_count.refs(), SizeIs(2));
    EXPECT_THAT(by_count.Finish(), SizeIs(3));
    EXPECT_THAT(by_count.Finish(), SizeIs(3));
}

TEST(PackWriterTest, Finish_NothingAppended_WritesNothing) {
    TestRepository test;
    EXPECT_THAT(TestPacks(test).Finish(), SizeIs(0));
    EXPECT_THAT(test.Keys(test.incarnation().keys().PackFolder()), SizeIs(0));
}

TEST(PackFooterTest, Append_Uses_StandInTheFooter) {
    TestRepository test;
    TestPacks packs(test);
    test::Must(packs.writer().Append(AsBytes("abcdef"), {{0, "base/1/2", 8192, 2, 4}}));
    test::Must(packs.writer().AppendMetadata(AsBytes("page")));
    const format::PackFooter footer = FooterOf(test, packs.Finish()[0]);
    EXPECT_EQ(footer.backup_id(), test::kTestBackup);
    EXPECT_EQ(footer.digest_seed(), test::kTestSeed);
    ASSERT_EQ(footer.entries_size(), 2);
    ASSERT_EQ(footer.entries(0).uses_size(), 1);
    EXPECT_EQ(footer.entries(0).uses(0).path(), "base/1/2");
    EXPECT_EQ(footer.entries(0).uses(0).file_offset(), 8192u);
    EXPECT_FALSE(footer.entries(0).metadata());
    EXPECT_TRUE(footer.entries(1).metadata());
}

TEST(PackFooterTest, Append_TooManyUses_KeepsTheFooterBelowItsBound) {
    TestRepository test;
    TestPacks packs(test);
    const std::vector<ChunkUse> uses(20000, {0, std::string(200, 'p'), 0, 0, 1});
    for (int i = 0; i < 8; ++i) test::Must(packs.writer().Append(AsBytes("abc"), uses));
    EXPECT_THAT(packs.Finish(), testing::SizeIs(testing::Ge(3)));
    const PackStore store = packs.Store();
    for (const auto& ref : packs.refs()) {
        EXPECT_LT(FooterOf(test, ref).ByteSizeLong(), kMaxFramePlainBytes);
        EXPECT_THAT(store.VerifyPack(*ToPackId(ref.pack_id())), SizeIs(0));
    }
}

TEST(PackWriterTest, Append_ImpossibleSizes_AreRefused) {
    TestRepository test;
    TestPacks empty(test), large(test);
    EXPECT_FALSE(empty.writer().Append({}, {}));
    EXPECT_FALSE(large.writer().Append(base::Bytes(kMaxFramePlainBytes + 1), {}));
}

TEST(PackWriterTest, Commit_RandomNameIsTaken_IsAnError) {
    TestRepository test;
    test::ConstantRandom random(std::byte{7});
    const auto write = [&] {
        PackWriterOptions options;
        options.random = &random;
        PackWriter writer(test.incarnation(), options);
        test::Must(writer.AppendMetadata(AsBytes("same id")));
        return writer.Finish();
    };
    EXPECT_TRUE(write());
    const base::Status second = write();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_THAT(second.error().message, HasSubstr("packs/07/0707"));
}

TEST(PackWriterTest, Append_StorageFailed_PublishesNothingAndStaysShut) {
    TestRepository test;
    TestPacks packs(test);
    packs.Put("first");
    test.disk->Fail({test::Operation::kAppend, ErrorCode::kNoSpace, "packs/"});
    const auto failed = packs.writer().Append(AsBytes("second"), {});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::kNoSpace);
    EXPECT_FALSE(packs.writer().Append(AsBytes("third"), {}));
    EXPECT_FALSE(packs.writer().Finish());
    EXPECT_THAT(test.Keys(test.incarnation().keys().PackFolder()), SizeIs(0));
}

TEST(PackWriterTest, OnPack_IsCalled_AfterThePackIsDurable) {
    TestRepository test;
    int calls = 0;
    PackWriterOptions options;
    options.on_pack = [&](const format::PackRef& ref) {
        ++calls;
        test.disk->CutPowerAfter(0);
        test.disk->PowerOn(test::Unsynced::kLost);
        EXPECT_EQ(test.Content(test.incarnation().keys().Pack(AsBytes(ref.pack_id()))).size(),
                  ref.length());
    };
    PackWriter writer(test.incarnation(), options);
    test::Must(writer.Append(AsBytes("chunk"), {}));
    EXPECT_TRUE(writer.Finish());
    EXPECT_EQ(calls, 1);
}

TEST(ChunkReaderTest, Read_OneChunk_CostsOneRangedRead) {
    TestRepository test;
    TestPacks packs(test);
    const StoredChunk first = packs.Put("first chunk"), second = packs.Put("second chunk");
    packs.Finish();
    const PackStore store = packs.Store();
    ChunkReader reader(store, test::kTestSeed);
    uint64_t before = test.disk->operations();
    EXPECT_EQ(AsText(*reader.Read(first)), "first chunk");
    EXPECT_EQ(test.disk->operations() - before, 2u);  // open, read
    before = test.disk->operations();
    EXPECT_EQ(AsText(*reader.Read(second)), "second chunk");
    EXPECT_EQ(test.disk->operations() - before, 1u);
    EXPECT_EQ(AsText(*reader.Read(second)), "second chunk");
    EXPECT_EQ(test.disk->operations() - before, 1u);
}

TEST(ChunkReaderTest, Read_MorePacksThanStayOpen_StillReadsThemAll) {
    TestRepository test;
    TestPacks packs(test, {.max_chunks = 1});
    std::vector<StoredChunk> chunks;
    for (int i = 0; i < 40; ++i) chunks.push_back(packs.Put(std::to_string(i)));
    const PackStore store = packs.Store();
    ChunkReader reader(store, test::kTestSeed);
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 40; ++i)
            EXPECT_EQ(AsText(*reader.Read(chunks[static_cast<size_t>(i)])), std::to_string(i));
}

}  // namespace
}  // namespace agri::repo

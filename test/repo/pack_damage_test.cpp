// Damaged, swapped, cut, missing and lying packs: each is an error that names the pack.
#include <gmock/gmock.h>

#include "repo/pack_format.hpp"
#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::TestPacks;
using test::TestRepository;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

class PackDamageTest : public testing::TestWithParam<bool> {
   protected:
    PackDamageTest() {
        chunks_ = {packs_.Put("the first chunk"), packs_.Put(std::string(500, 'b'))};
        packs_.Finish();
        id_ = chunks_[0].pack;
        name_ = test_.incarnation().keys().Pack(id_);
        content_ = test_.Content(name_);
    }
    // What verifying says; every error must name the pack.
    std::vector<base::Error> Verify() {
        const PackStore store = packs_.Store();
        auto problems = store.VerifyPack(id_);
        for (const auto& problem : problems) EXPECT_THAT(problem.message, HasSubstr(name_));
        return problems;
    }
    base::Result<base::Bytes> Read(const StoredChunk& chunk, uint64_t seed = test::kTestSeed) {
        const PackStore store = packs_.Store();
        ChunkReader reader(store, seed);
        AGRI_ASSIGN(const base::ByteView plain, reader.Read(chunk));
        return base::Bytes(plain.begin(), plain.end());
    }
    void ExpectCorrupt(const base::Result<base::Bytes>& read, std::string_view text = "") {
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(read.error().message, HasSubstr(name_));
        EXPECT_THAT(read.error().message, HasSubstr(std::string(text)));
    }

    TestRepository test_{GetParam()};
    TestPacks packs_{test_};
    std::vector<StoredChunk> chunks_;
    PackId id_{};
    std::string name_;
    base::Bytes content_;
};
INSTANTIATE_TEST_SUITE_P(Sealing, PackDamageTest, testing::Bool());

TEST_P(PackDamageTest, VerifyPack_AnyBitFlipped_IsFound) {
    EXPECT_THAT(Verify(), SizeIs(0));
    for (size_t i = 0; i < content_.size(); ++i) {
        base::Bytes damaged = content_;
        damaged[i] ^= static_cast<std::byte>(1 << i % 8);
        test_.disk->Overwrite(name_, damaged);
        EXPECT_FALSE(Verify().empty()) << "byte " << i;
    }
}

TEST_P(PackDamageTest, Read_AnyBitOfItsFrameFlipped_IsCorrupt) {
    const size_t begin = chunks_[0].offset;
    const size_t end = begin + kFrameOverheadBytes + chunks_[0].stored_length;
    for (size_t i = begin; i < end; ++i) {
        base::Bytes damaged = content_;
        damaged[i] ^= static_cast<std::byte>(1 << i % 8);
        test_.disk->Overwrite(name_, damaged);
        ExpectCorrupt(Read(chunks_[0]));
        EXPECT_TRUE(Read(chunks_[1]));
    }
}

TEST_P(PackDamageTest, CutAnywhere_IsFound) {
    for (size_t length = 0; length < content_.size(); ++length) {
        test_.disk->Overwrite(name_, {content_.begin(), content_.begin() + ptrdiff_t(length)});
        EXPECT_FALSE(Verify().empty()) << length;
        ExpectCorrupt(Read(chunks_[0]), "bytes instead of");
    }
}

TEST_P(PackDamageTest, GrownByOneByte_IsFound) {
    content_.push_back(std::byte{0});
    test_.disk->Overwrite(name_, content_);
    EXPECT_FALSE(Verify().empty());
    ExpectCorrupt(Read(chunks_[0]), "bytes instead of");
}

TEST_P(PackDamageTest, Missing_IsCorruptNotNotFound) {
    test_.disk->Erase(name_);
    ASSERT_THAT(Verify(), SizeIs(1));
    EXPECT_EQ(Verify()[0].code, ErrorCode::kCorrupt);
    ExpectCorrupt(Read(chunks_[0]), "missing");
}

TEST_P(PackDamageTest, Swapped_IsFound) {
    TestPacks others(test_);
    const StoredChunk other = others.Put("the first CHUNK");
    others.Put(std::string(500, 'b'));
    others.Finish();
    const std::string other_name = test_.incarnation().keys().Pack(other.pack);
    test_.disk->Overwrite(name_, test_.Content(other_name));
    EXPECT_FALSE(Verify().empty());
    ExpectCorrupt(Read(chunks_[0]));
}

TEST_P(PackDamageTest, StorageUnreachable_StaysSo) {
    test_.disk->Fail({test::Operation::kRead, ErrorCode::kUnavailable, "packs/"});
    const auto read = Read(chunks_[0]);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(read.error().message, HasSubstr(name_));
}

TEST_P(PackDamageTest, Read_ReferenceLies_IsCorrupt) {
    const StoredChunk honest = chunks_[0];
    const auto expect = [&](auto change) {
        StoredChunk lie = honest;
        change(lie);
        ExpectCorrupt(Read(lie));
    };
    expect([](StoredChunk& lie) { lie.frame = 1; });
    expect([](StoredChunk& lie) { lie.offset -= 1; });
    expect([](StoredChunk& lie) { lie.offset = 0; });
    expect([](StoredChunk& lie) { lie.offset = UINT64_MAX - 5; });
    expect([&](StoredChunk& lie) { lie.offset = content_.size(); });
    expect([](StoredChunk& lie) { lie.stored_length -= 1; });
    expect([](StoredChunk& lie) { lie.stored_length = UINT32_MAX; });
    expect([](StoredChunk& lie) { lie.stored_length = 0; });
    expect([](StoredChunk& lie) { lie.plain_length += 1; });
    expect([](StoredChunk& lie) { lie.plain_length = UINT32_MAX; });
    expect([](StoredChunk& lie) { lie.plain_length = kMaxFramePlainBytes; });
    expect([](StoredChunk& lie) { lie.digest[3] ^= std::byte{1}; });
    ExpectCorrupt(Read(honest, test::kTestSeed + 1), "other content");
}

TEST_P(PackDamageTest, Read_TheFooterAsAChunk_IsCorrupt) {
    const auto trailer =
        test::Must(PackTrailer::Decode(base::ByteView(content_).last(kPackTrailerBytes)));
    StoredChunk footer = chunks_[0];
    footer.frame = trailer.footer_frame;
    footer.offset = trailer.footer_offset;
    ExpectCorrupt(Read(footer));
}

TEST_P(PackDamageTest, Read_PackNotListed_IsCorrupt) {
    const PackStore empty(test_.incarnation());
    ChunkReader reader(empty, test::kTestSeed);
    const auto read = reader.Read(chunks_[0]);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(read.error().message, HasSubstr(name_));
    EXPECT_THAT(empty.VerifyPack(id_), SizeIs(1));
}

TEST_P(PackDamageTest, Read_AfterAnError_DoesNotServeTheOldChunk) {
    const PackStore store = packs_.Store();
    ChunkReader reader(store, test::kTestSeed);
    ASSERT_TRUE(reader.Read(chunks_[0]));
    StoredChunk lie = chunks_[0];
    lie.digest[0] ^= std::byte{1};
    EXPECT_FALSE(reader.Read(lie));
    EXPECT_EQ(base::AsText(*reader.Read(chunks_[0])), "the first chunk");
}

TEST(PackVerifierTest, ManyDamagedFrames_ListsABoundedNumber) {
    TestRepository test;
    TestPacks packs(test);
    std::vector<StoredChunk> chunks;
    for (int i = 0; i < 200; ++i) chunks.push_back(packs.Put(std::to_string(i)));
    packs.Finish();
    const std::string name = test.incarnation().keys().Pack(chunks[0].pack);
    base::Bytes damaged = test.Content(name);
    for (const StoredChunk& chunk : chunks) damaged[chunk.offset + 12] ^= std::byte{1};
    test.disk->Overwrite(name, damaged);
    const auto problems = packs.Store().VerifyPack(chunks[0].pack);
    EXPECT_THAT(problems, SizeIs(33));
    EXPECT_THAT(problems.back().message, HasSubstr("more problems"));
}

}  // namespace
}  // namespace agri::repo

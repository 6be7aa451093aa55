// Hostile pack references, chunk references, trailers and footers, built by hand: every field that
// a reader goes by is checked before it is used.
#include "repo/pack_format.hpp"

#include <gmock/gmock.h>

#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::ErrorCode;
using test::TestPacks;
using test::ExpectCorrupt;
using test::TestRepository;

TEST(PackRefTest, Add_FieldsOutOfForm_AreCorrupt) {
    TestRepository test;
    TestPacks packs(test);
    packs.Put("chunk");
    const format::PackRef sound = packs.Finish()[0];
    PackStore store(test.incarnation());
    ASSERT_TRUE(store.Add(sound));
    ASSERT_TRUE(store.Add(sound));
    EXPECT_EQ(store.size(), 1u);
    const auto expect = [&](auto change) {
        format::PackRef ref = sound;
        change(ref);
        ExpectCorrupt(store.Add(ref));
    };
    expect([](auto& ref) { ref.clear_pack_id(); });
    expect([](auto& ref) { ref.mutable_pack_id()->push_back('x'); });
    expect([](auto& ref) { ref.mutable_digest()->pop_back(); });
    expect([](auto& ref) { ref.set_length(0); });
    expect([](auto& ref) { ref.set_length(143); });
    expect([](auto& ref) { ref.clear_header(); });
    expect([](auto& ref) { ref.mutable_header()->push_back('x'); });
    expect([](auto& ref) { (*ref.mutable_header())[0] ^= 1; });
    expect([](auto& ref) { (*ref.mutable_header())[10] = 2; });
    // The same pack, told about in two ways.
    expect([](auto& ref) { ref.set_length(ref.length() + 1); });
    expect([](auto& ref) { (*ref.mutable_digest())[0] ^= 1; });
    expect([](auto& ref) { (*ref.mutable_header())[40] ^= 1; });
    EXPECT_EQ(store.size(), 1u);
}

TEST(PackRefTest, Add_NewerContainer_IsUnsupported) {
    TestRepository test;
    TestPacks packs(test);
    packs.Put("chunk");
    format::PackRef ref = packs.Finish()[0];
    (*ref.mutable_header())[8] = 9;
    const base::Status added = PackStore(test.incarnation()).Add(ref);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::kUnsupported);
}

TEST(ChunkRefTest, ResolveChunk_OutOfRange_IsCorrupt) {
    google::protobuf::RepeatedPtrField<std::string> packs;
    *packs.Add() = std::string(16, 'p');
    *packs.Add() = std::string(15, 'p');
    format::ChunkRef sound;
    sound.set_offset(64);
    sound.set_stored_length(5);
    sound.set_plain_length(10);
    sound.set_digest(std::string(16, 'd'));
    const auto chunk = ResolveChunk(packs, sound);
    ASSERT_TRUE(chunk);
    EXPECT_EQ(base::AsText(chunk->pack), packs[0]);
    const auto expect = [&](auto change) {
        format::ChunkRef ref = sound;
        change(ref);
        ExpectCorrupt(ResolveChunk(packs, ref));
    };
    expect([](auto& ref) { ref.set_pack(1); });
    expect([](auto& ref) { ref.set_pack(2); });
    expect([](auto& ref) { ref.set_pack(UINT32_MAX); });
    expect([](auto& ref) { ref.set_offset(63); });
    expect([](auto& ref) { ref.set_offset(UINT64_MAX); });
    expect([](auto& ref) { ref.set_offset(UINT64_MAX - 60); });
    expect([](auto& ref) { ref.set_stored_length(0); });
    expect([](auto& ref) { ref.set_stored_length(11); });
    expect([](auto& ref) { ref.set_plain_length(0); });
    expect([](auto& ref) { ref.set_plain_length(kMaxFramePlainBytes + 1); });
    expect([](auto& ref) { ref.set_plain_length(UINT32_MAX); });
    expect([](auto& ref) { ref.clear_digest(); });
}

TEST(ChunkRefTest, CheckChunkBounds_TouchesFooter_IsCorrupt) {
    StoredChunk chunk{.offset = 64, .stored_length = 10, .plain_length = 10};
    const uint64_t least = 64 + 28 + 10 + 28 + 24;
    EXPECT_TRUE(CheckChunkBounds(chunk, least));
    ExpectCorrupt(CheckChunkBounds(chunk, least - 1));
    ExpectCorrupt(CheckChunkBounds(chunk, 0));
}

TEST(PackTrailerTest, Decode_OutOfForm_IsCorrupt) {
    const PackTrailer trailer{.footer_offset = 0x1234567890, .footer_frame = 77};
    const auto bytes = trailer.Encode();
    const auto decoded = PackTrailer::Decode(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->footer_offset, trailer.footer_offset);
    EXPECT_EQ(decoded->footer_frame, trailer.footer_frame);
    ExpectCorrupt(PackTrailer::Decode(base::ByteView(bytes).first(23)));
    for (size_t i = 12; i < bytes.size(); ++i) {
        auto damaged = bytes;
        damaged[i] ^= std::byte{1};
        ExpectCorrupt(PackTrailer::Decode(damaged));
    }
}

TEST(PackFooterTest, Parse_EntriesThatAreNotTheFrames_AreCorrupt) {
    format::PackFooter sound;
    for (uint32_t i = 0; i < 3; ++i) {
        auto* entry = sound.add_entries();
        entry->set_frame(i);
        entry->set_offset(64 + i * 38);
        entry->set_stored_length(10);
        entry->set_plain_length(20);
        entry->set_digest(std::string(16, 'd'));
    }
    const PackTrailer trailer{.footer_offset = 64 + 3 * 38, .footer_frame = 3};
    const auto parse = [&](const format::PackFooter& footer, const PackTrailer& where) {
        return ParsePackFooter(AsBytes(footer.SerializeAsString()), where);
    };
    ASSERT_TRUE(parse(sound, trailer));
    const auto expect = [&](auto change) {
        format::PackFooter footer = sound;
        change(footer);
        ExpectCorrupt(parse(footer, trailer));
    };
    expect([](auto& footer) { footer.mutable_entries(1)->set_frame(2); });
    expect([](auto& footer) { footer.mutable_entries(1)->set_offset(101); });
    expect([](auto& footer) { footer.mutable_entries(1)->set_stored_length(11); });
    expect([](auto& footer) { footer.mutable_entries(1)->set_stored_length(21); });
    expect([](auto& footer) { footer.mutable_entries(1)->set_stored_length(0); });
    expect([](auto& footer) { footer.mutable_entries(1)->set_plain_length(UINT32_MAX); });
    expect([](auto& footer) { footer.mutable_entries(1)->set_digest("short"); });
    expect([](auto& footer) { footer.mutable_entries()->RemoveLast(); });
    expect([](auto& footer) { *footer.add_entries() = footer.entries(2); });
    expect([](auto& footer) {
        auto* use = footer.mutable_entries(0)->add_uses();
        use->set_chunk_offset(UINT32_MAX);
        use->set_length(UINT32_MAX);
    });
    ExpectCorrupt(parse(sound, {.footer_offset = 64 + 3 * 38 + 1, .footer_frame = 3}));
    ExpectCorrupt(parse(sound, {.footer_offset = 64 + 3 * 38, .footer_frame = 2}));
    ExpectCorrupt(ParsePackFooter(AsBytes("\xff\xff\xff"), trailer));
}

}  // namespace
}  // namespace agri::repo

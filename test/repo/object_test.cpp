// Object headers and one-frame records: golden bytes, and every way in which an object can be
// wrong.
#include "repo/object.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/fixed_sealing.hpp"
#include "storage/memory_storage.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::Counting;
using test::FixedSealing;
using testing::HasSubstr;

constexpr const char* kObjectKey = "clusters/main/incarnations/00000001";
constexpr const char* kOtherKey = "clusters/main/incarnations/00000002";

class ObjectTest : public testing::Test {
   protected:
    base::Bytes PutAndLook(const SealingContext& sealing, const std::string& key,
                           std::string_view plain) {
        EXPECT_TRUE(PutRecord(storage_, sealing, key, base::AsBytes(plain)));
        return *disk_->Snapshot().at(key);
    }
    // Reads `content` as the object of that key.
    base::Result<base::Bytes> Read(base::Bytes content, const SealingContext& sealing,
                                   const std::string& key = kObjectKey) {
        disk_->Overwrite(key, std::move(content));
        return GetRecord(storage_, sealing, key);
    }

    std::shared_ptr<test::MemoryDisk> disk_ = std::make_shared<test::MemoryDisk>();
    test::MemoryStorage storage_{disk_};
    FixedSealing sealing_;
};

TEST_F(ObjectTest, Header_Encoded_DecodesToTheSame) {
    ObjectHeader header = sealing_.NewHeader(ObjectKind::kTail);
    header.key_version = 0x01020304;
    auto decoded = ObjectHeader::Decode(header.Encode(), "x");
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->Encode(), header.Encode());
    EXPECT_EQ(decoded->kind, ObjectKind::kTail);
    EXPECT_EQ(decoded->key_version, 0x01020304u);
}

TEST_F(ObjectTest, Header_NewerContainer_SaysUpgrade) {
    auto bytes = sealing_.NewHeader(ObjectKind::kRecord).Encode();
    bytes[8] = std::byte{2};
    auto decoded = ObjectHeader::Decode(bytes, "the/object");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(decoded.error().message, HasSubstr("the/object"));
    EXPECT_THAT(decoded.error().message, HasSubstr("version 2, newer than this program"));
    EXPECT_THAT(decoded.error().hint, HasSubstr("Upgrade"));
}

TEST_F(ObjectTest, Header_UnknownKindSealingOrMagic_IsCorrupt) {
    for (auto [at, value] : {std::pair{0, 'X'}, {8, '\0'}, {10, '\0'}, {10, '\7'}, {11, '\2'}}) {
        auto bytes = sealing_.NewHeader(ObjectKind::kRecord).Encode();
        bytes[at] = static_cast<std::byte>(value);
        auto decoded = ObjectHeader::Decode(bytes, "the/object");
        ASSERT_FALSE(decoded) << at;
        EXPECT_EQ(decoded.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(decoded.error().message, HasSubstr("the/object"));
    }
}

TEST_F(ObjectTest, Record_GoldenFile_IsReadAndWrittenToTheByte) {
    test::Golden golden = test::ReadGolden("v1_incarnation");
    ASSERT_EQ(golden.key, kObjectKey);
    auto plain = Read(golden.content, sealing_);
    ASSERT_TRUE(plain) << plain.error().ToString();
    EXPECT_THAT(std::string(base::AsText(*plain)), HasSubstr("15-7300000000000000001"));
    // zstd leaves it alone, so that writing it again gives the same bytes.
    disk_->Erase(kObjectKey);
    EXPECT_EQ(PutAndLook(sealing_, kObjectKey, base::AsText(*plain)), golden.content);
}

TEST_F(ObjectTest, Record_PutAndGot_IsTheSame) {
    for (std::string plain : {std::string(), std::string("short"), std::string(100000, 'r')}) {
        disk_->Erase(kObjectKey);
        PutAndLook(sealing_, kObjectKey, plain);
        auto got = GetRecord(storage_, sealing_, kObjectKey);
        ASSERT_TRUE(got) << got.error().ToString();
        EXPECT_EQ(base::AsText(*got), plain);
    }
}

TEST_F(ObjectTest, Record_KeyIsTaken_ReportsExistsAndLeavesIt) {
    base::Bytes first = PutAndLook(sealing_, kObjectKey, "first");
    auto second = PutRecord(storage_, sealing_, kObjectKey, base::AsBytes("second"));
    ASSERT_TRUE(second);
    EXPECT_EQ(*second, storage::PutOutcome::kExists);
    EXPECT_EQ(*disk_->Snapshot().at(kObjectKey), first);
}

TEST_F(ObjectTest, Record_AnyBitFlipped_IsRefusedByName) {
    for (auto method : {codec::SealingMethod::kAes256Gcm, codec::SealingMethod::kNone}) {
        FixedSealing sealing(method);
        disk_->Erase(kObjectKey);
        base::Bytes whole = PutAndLook(sealing, kObjectKey, "a small record");
        for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
            base::Bytes damaged = whole;
            damaged[bit / 8] ^= std::byte{1} << (bit % 8);
            auto got = Read(damaged, sealing);
            ASSERT_FALSE(got) << "byte " << bit / 8;
            EXPECT_THAT(got.error().message, HasSubstr(kObjectKey)) << "byte " << bit / 8;
            // The version says "upgrade", and an encrypted object's key version "another key".
            bool version = bit / 8 == 8 || bit / 8 == 9;
            bool key_version = method == codec::SealingMethod::kAes256Gcm && bit / 8 / 4 == 3;
            EXPECT_TRUE(version || key_version || got.error().code == ErrorCode::kCorrupt)
                << "byte " << bit / 8;
        }
    }
}

TEST_F(ObjectTest, Record_CutOrExtended_IsCorrupt) {
    base::Bytes whole = PutAndLook(sealing_, kObjectKey, "a small record");
    for (size_t length = 0; length < whole.size(); ++length) {
        auto got = Read({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)}, sealing_);
        ASSERT_FALSE(got) << length;
        EXPECT_EQ(got.error().code, ErrorCode::kCorrupt) << length;
        EXPECT_THAT(got.error().message, HasSubstr(kObjectKey)) << length;
    }
    whole.push_back(std::byte{0});
    EXPECT_EQ(Read(whole, sealing_).error().code, ErrorCode::kCorrupt);
}

TEST_F(ObjectTest, Record_SwappedWithAnother_IsCorrupt) {
    base::Bytes one = PutAndLook(sealing_, kObjectKey, "one");
    base::Bytes other = PutAndLook(sealing_, kOtherKey, "two");
    EXPECT_EQ(Read(other, sealing_, kObjectKey).error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(Read(one, sealing_, kOtherKey).error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(Read(one, sealing_, kObjectKey));
}

TEST_F(ObjectTest, Record_OfAnotherRepository_IsCorruptAndNamesBoth) {
    FixedSealing foreign;
    foreign.id = Counting<16>(0xF0);
    base::Bytes object = PutAndLook(foreign, kObjectKey, "foreign");
    auto got = Read(object, sealing_);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(got.error().message, HasSubstr(base::ToHex(foreign.id)));
    EXPECT_THAT(got.error().message, HasSubstr(base::ToHex(sealing_.id)));
}

TEST_F(ObjectTest, Record_WithoutSealingInASealedRepository_IsRefused) {
    base::Bytes plain = PutAndLook(FixedSealing(codec::SealingMethod::kNone), kObjectKey, "forged");
    auto got = Read(plain, sealing_);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(got.error().message, HasSubstr("not encrypted, but its repository is"));
}

TEST_F(ObjectTest, Record_SealedInAnUnsealedRepository_IsRefused) {
    base::Bytes sealed = PutAndLook(sealing_, kObjectKey, "sealed");
    auto got = Read(sealed, FixedSealing(codec::SealingMethod::kNone));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
}

TEST_F(ObjectTest, Record_AnotherKindInItsPlace_IsCorrupt) {
    auto writer = SealedWriter::Create(storage_, sealing_, ObjectKind::kWal, kObjectKey, kNoCompression);
    ASSERT_TRUE(writer && writer->Finish({}));
    auto got = GetRecord(storage_, sealing_, kObjectKey);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
}

TEST_F(ObjectTest, Record_Missing_IsNotFound) {
    EXPECT_EQ(GetRecord(storage_, sealing_, kObjectKey).error().code, ErrorCode::kNotFound);
}

TEST_F(ObjectTest, Record_AboveTheLimit_IsRefusedUnread) {
    base::Bytes huge(kObjectHeaderBytes + kFrameOverheadBytes + kMaxFramePlainBytes + 1);
    EXPECT_EQ(Read(huge, sealing_).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace agri::repo

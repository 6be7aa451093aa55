// Damaged and lying WAL objects: restore must get the segment that was archived or an error that
// names the object.
#include <gmock/gmock.h>

#include "codec/digest.hpp"
#include "repo/test_repository.hpp"
#include "repo/wal_archive.hpp"
#include "repo/wal_index.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::Bytes;
using base::ByteView;
using base::ErrorCode;
using base::WalFileName;
using test::TestRepository;
using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kHistory = "00000002.history";
constexpr const char* kDamagedSegment = "000000010000000000000003";
constexpr std::string_view kText = "1\t0/3000000\tno recovery target specified\n";

class WalDamageTest : public testing::TestWithParam<bool> {
   protected:
    std::string Key() const { return test_.incarnation().keys().Wal(file_); }
    base::Status Read() const {
        Bytes content;
        AGRI_TRY(WalArchive(test_.incarnation()).Read(file_, [&](ByteView part) -> base::Status {
            content.insert(content.end(), part.begin(), part.end());
            return {};
        }));
        EXPECT_EQ(base::AsText(content), kText);
        return {};
    }
    void ExpectCorrupt(const base::Status& status, std::string_view text) {
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
        EXPECT_THAT(status.error().message, HasSubstr(Key()));
        EXPECT_THAT(status.error().message, HasSubstr(std::string(text)));
    }
    // An object of this index and these frames, however they fit together.
    void PutRaw(const format::WalIndex& index, const std::vector<std::string>& frames) {
        test_.disk->Erase(Key());
        SealedWriter writer = test::Must(SealedWriter::Create(
            test_.repository().storage(), test_.repository(), ObjectKind::kWal, Key(), 1));
        const std::string first = index.SerializeAsString();
        if (frames.empty()) {
            test::Must(writer.Finish(AsBytes(first)));
            return;
        }
        test::Must(writer.AppendFrame(AsBytes(first)));
        for (size_t i = 0; i + 1 < frames.size(); ++i)
            test::Must(writer.AppendFrame(AsBytes(frames[i])));
        test::Must(writer.Finish(AsBytes(frames.back())));
    }
    format::WalIndex Sound() const {
        format::WalIndex index;
        test::Must(
            CompleteWalIndex(file_, AsBytes(kText), test::kTestSegmentBytes, test_.clock, index));
        return index;
    }

    TestRepository test_{GetParam()};
    const WalFileName file_ = *WalFileName::Parse(kHistory);
};
INSTANTIATE_TEST_SUITE_P(Sealing, WalDamageTest, testing::Bool());

TEST_P(WalDamageTest, AnyBitFlippedOrCut_IsAnErrorThatNamesTheObject) {
    PutRaw(Sound(), {std::string(kText)});
    ASSERT_TRUE(Read());
    const Bytes sound = test_.Content(Key());
    for (size_t i = 0; i < sound.size(); ++i) {
        Bytes damaged = sound;
        damaged[i] ^= static_cast<std::byte>(1 << i % 8);
        test_.disk->Overwrite(Key(), damaged);
        const base::Status read = Read();
        ASSERT_FALSE(read) << "byte " << i;
        EXPECT_THAT(read.error().message, HasSubstr(Key()));
        EXPECT_THAT(read.error().code, AnyOf(ErrorCode::kCorrupt, ErrorCode::kUnsupported,
                                             ErrorCode::kAuthentication));
        test_.disk->Overwrite(Key(), {sound.begin(), sound.begin() + ptrdiff_t(i)});
        ExpectCorrupt(Read(), "");
    }
}

TEST_P(WalDamageTest, ObjectUnderAnotherName_IsCorrupt) {
    PutRaw(Sound(), {std::string(kText)});
    const std::string other =
        test_.incarnation().keys().Wal(*WalFileName::Parse("00000003.history"));
    test_.disk->Overwrite(other, test_.Content(Key()));
    const auto read = WalArchive(test_.incarnation()).ReadHistory({3});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(read.error().message, HasSubstr(other));
}

TEST_P(WalDamageTest, IndexThatLies_IsCorrupt) {
    const auto expect = [&](std::string_view text, auto change) {
        format::WalIndex index = Sound();
        change(index);
        PutRaw(index, {std::string(kText)});
        ExpectCorrupt(Read(), text);
    };
    expect("another WAL file", [](auto& index) { index.set_name("00000003.history"); });
    expect("contradicts", [](auto& index) { index.set_timeline(3); });
    expect("contradicts", [](auto& index) { index.set_kind(format::WAL_SEGMENT); });
    expect("contradicts", [](auto& index) { index.set_start_lsn(1); });
    expect("no digest", [](auto& index) { index.set_sha256("short"); });
    expect("claims", [](auto& index) { index.set_plain_length(UINT64_MAX); });
    expect("shorter", [](auto& index) { index.set_plain_length(kText.size() + 1); });
    expect("longer", [](auto& index) { index.set_plain_length(kText.size() - 1); });
    expect("SHA-256", [](auto& index) { (*index.mutable_sha256())[0] ^= 1; });
}

TEST_P(WalDamageTest, FramesThatDoNotAddUp_AreCorrupt) {
    PutRaw(Sound(), {});
    ExpectCorrupt(Read(), "shorter");
    PutRaw(Sound(), {std::string(kText), "more"});
    ExpectCorrupt(Read(), "longer");
    PutRaw(Sound(), {std::string(kText.substr(1)), std::string(kText.substr(0, 1))});
    ExpectCorrupt(Read(), "SHA-256");
    PutRaw(Sound(), {std::string(kText.substr(0, 7)), "", std::string(kText.substr(7))});
    EXPECT_TRUE(Read());
}

TEST_P(WalDamageTest, ObjectOfAnotherKind_IsCorrupt) {
    test::Must(PutRecord(test_.repository().storage(), test_.repository(), Key(),
                         AsBytes(Sound().SerializeAsString())));
    ExpectCorrupt(Read(), "");
}

TEST(WalIndexTest, Parse_SegmentOfAnotherSize_IsCorrupt) {
    test::ManualClock clock;
    const WalFileName file = *WalFileName::Parse(kDamagedSegment);
    format::WalIndex sound;
    const Bytes content(test::kTestSegmentBytes);
    ASSERT_TRUE(CompleteWalIndex(file, content, test::kTestSegmentBytes, clock, sound));
    const auto parse = [&](const format::WalIndex& index, uint64_t segment_size) {
        return ParseWalIndex(AsBytes(index.SerializeAsString()), file, segment_size).has_value();
    };
    EXPECT_TRUE(parse(sound, test::kTestSegmentBytes));
    EXPECT_FALSE(parse(sound, 2 * test::kTestSegmentBytes));
    sound.set_plain_length(test::kTestSegmentBytes - 1);
    EXPECT_FALSE(parse(sound, test::kTestSegmentBytes));
    EXPECT_FALSE(ParseWalIndex(AsBytes("\xff"), file, test::kTestSegmentBytes));
}

}  // namespace
}  // namespace agri::repo

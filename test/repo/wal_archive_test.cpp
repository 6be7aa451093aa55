// The WAL archive: the same content again is success, other content never is, and what is read back
// is what was put, or an error.
#include "repo/wal_archive.hpp"

#include <gmock/gmock.h>

#include "codec/digest.hpp"
#include "repo/test_repository.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::Bytes;
using base::ByteView;
using base::ErrorCode;
using base::WalFileName;
using test::TestRepository;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kArchivedSegment = "000000010000000A000000FE";

WalFileName Name(std::string_view name) { return *WalFileName::Parse(name); }

class WalArchiveTest : public testing::Test {
   protected:
    base::Result<WalPut> Put(std::string_view name, ByteView content,
                             std::string_view host = "db1") {
        format::WalIndex index;
        index.set_name(std::string(name));
        index.set_host(std::string(host));
        index.set_system_identifier(test::kTestSystem);
        index.set_commits(17);
        return archive_.Put(std::move(index), content, 1, test_.clock);
    }
    base::Result<Bytes> Read(std::string_view name) const {
        Bytes content;
        AGRI_TRY(archive_.Read(Name(name), [&](ByteView part) -> base::Status {
            content.insert(content.end(), part.begin(), part.end());
            return {};
        }));
        return content;
    }
    std::string Key(std::string_view name) const {
        return test_.incarnation().keys().Wal(Name(name));
    }

    TestRepository test_;
    WalArchive archive_{test_.incarnation()};
    const Bytes segment_ = test::Noise(test::kTestSegmentBytes, 1);
};

TEST_F(WalArchiveTest, Put_EveryKindOfFile_IsReadBack) {
    const std::pair<std::string_view, Bytes> files[] = {
        {kArchivedSegment, segment_},
        {"000000010000000A000000FE.partial", test::Noise(test::kTestSegmentBytes, 2)},
        {"000000010000000A000000FE.00000028.backup", test::Noise(300, 3)},
        {"00000002.history", test::Noise(40, 4)},
        {"00000003.history", {}},
    };
    for (const auto& [name, content] : files) {
        const auto put = Put(name, content);
        ASSERT_TRUE(put) << put.error().ToString();
        EXPECT_EQ(put->outcome, storage::PutOutcome::kCreated);
        EXPECT_EQ(put->stored_bytes, test_.Content(Key(name)).size());
    }
    for (const auto& [name, content] : files) {
        EXPECT_TRUE(test::Must(archive_.Exists(Name(name))));
        EXPECT_EQ(test::Must(Read(name)), content) << name;
    }
    EXPECT_FALSE(test::Must(archive_.Exists(Name("000000010000000A000000FF"))));
    EXPECT_EQ(Read("000000010000000A000000FF").error().code, ErrorCode::kNotFound);
}

TEST_F(WalArchiveTest, Put_FillsInWhatFollowsFromNameContentAndClock) {
    const auto put = test::Must(Put(kArchivedSegment, segment_));
    const auto index = test::Must(archive_.ReadIndex(Name(kArchivedSegment)));
    EXPECT_EQ(index.SerializeAsString(), put.index.SerializeAsString());
    EXPECT_EQ(index.kind(), format::WAL_SEGMENT);
    EXPECT_EQ(index.timeline(), 1u);
    EXPECT_EQ(index.start_lsn(), 0xA0FE00000u);
    EXPECT_EQ(index.plain_length(), segment_.size());
    EXPECT_EQ(index.sha256(), base::AsText(codec::Sha256(segment_)));
    EXPECT_EQ(index.archived_us(), test_.clock.Now().time_since_epoch().count());
    EXPECT_EQ(index.commits(), 17u);
    EXPECT_EQ(index.host(), "db1");
}

TEST_F(WalArchiveTest, ReadIndex_ReadsOnlyTheHead) {
    test::Must(Put(kArchivedSegment, segment_));
    Bytes content = test_.Content(Key(kArchivedSegment));
    std::fill(content.begin() + 1000, content.end(), std::byte{0});
    test_.disk->Overwrite(Key(kArchivedSegment), content);
    const uint64_t before = test_.disk->operations();
    EXPECT_TRUE(archive_.ReadIndex(Name(kArchivedSegment)));
    EXPECT_EQ(test_.disk->operations() - before, 2u);  // open, read
    EXPECT_EQ(Read(kArchivedSegment).error().code, ErrorCode::kCorrupt);
}

TEST_F(WalArchiveTest, Put_SameContentAgain_IsSuccessAndDurable) {
    // The first writer dies between publishing and making it durable.
    test_.disk->Fail({test::Operation::kSync, ErrorCode::kIo, "wal/"});
    EXPECT_FALSE(Put(kArchivedSegment, segment_));
    test_.clock.Advance(std::chrono::hours(1));
    const auto again = Put(kArchivedSegment, segment_, "db2");
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_EQ(again->outcome, storage::PutOutcome::kExists);
    EXPECT_EQ(again->index.host(), "db1");
    test_.disk->CutPowerAfter(0);
    test_.disk->PowerOn(test::Unsynced::kLost);
    EXPECT_EQ(test::Must(Read(kArchivedSegment)), segment_);
}

TEST_F(WalArchiveTest, Put_DurabilityOfTheExistingFails_IsNotSuccess) {
    test::Must(Put(kArchivedSegment, segment_));
    test_.disk->Fail({test::Operation::kSync, ErrorCode::kIo, "wal/"});
    EXPECT_FALSE(Put(kArchivedSegment, segment_));
}

TEST_F(WalArchiveTest, Put_OtherContent_IsConflictThatTellsTheTwoApart) {
    test::Must(Put(kArchivedSegment, segment_));
    test_.clock.Advance(std::chrono::hours(1));
    const Bytes other = test::Noise(test::kTestSegmentBytes, 2);
    const auto put = Put(kArchivedSegment, other, "db2");
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::kConflict);
    EXPECT_THAT(put.error().message, HasSubstr(kArchivedSegment));
    const auto prefix = [](const Bytes& content) {
        return base::ToHex(codec::Sha256(content)).substr(0, 16);
    };
    for (const std::string& told : {prefix(segment_), prefix(other), std::string("db1"),
                                    std::string("db2"), base::FormatTime(test_.clock.Now()),
                                    base::FormatTime(test_.clock.Now() - std::chrono::hours(1))})
        EXPECT_THAT(put.error().detail, HasSubstr(told));
    EXPECT_THAT(put.error().hint, HasSubstr("agri_backup lineage"));
    EXPECT_EQ(test::Must(Read(kArchivedSegment)), segment_);
}

TEST_F(WalArchiveTest, Put_ExistingIsUnreadable_IsCorruptAndNamesIt) {
    test_.disk->Overwrite(Key(kArchivedSegment), test::Noise(500, 9));
    const auto put = Put(kArchivedSegment, segment_);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(put.error().message, HasSubstr(Key(kArchivedSegment)));
}

TEST_F(WalArchiveTest, Put_ExistingCannotBeReached_IsUnavailable) {
    test::Must(Put(kArchivedSegment, segment_));
    test_.disk->Fail({test::Operation::kOpen, ErrorCode::kUnavailable, "wal/"});
    EXPECT_EQ(Put(kArchivedSegment, segment_).error().code, ErrorCode::kUnavailable);
    test_.disk->Fail({test::Operation::kOpen, ErrorCode::kNotFound, "wal/"});
    EXPECT_EQ(Put(kArchivedSegment, segment_).error().code, ErrorCode::kUnavailable);
}

TEST_F(WalArchiveTest, Put_WhatIsNoWalOfThisCluster_IsRefused) {
    EXPECT_EQ(Put("../etc/passwd", segment_).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(Put("", segment_).error().code, ErrorCode::kInvalidArgument);
    const ByteView cut = ByteView(segment_).first(segment_.size() - 1);
    EXPECT_EQ(Put(kArchivedSegment, cut).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(Put(kArchivedSegment, {}).error().code, ErrorCode::kInvalidArgument);
    // With segments of 1 MiB there are 4096 to a log file, not more.
    EXPECT_EQ(Put("000000010000000A00001000", segment_).error().code, ErrorCode::kInvalidArgument);
    format::WalIndex foreign;
    foreign.set_name(kArchivedSegment);
    foreign.set_system_identifier(test::kTestSystem + 1);
    const auto put = archive_.Put(foreign, segment_, 1, test_.clock);
    EXPECT_EQ(put.error().code, ErrorCode::kConflict);
    EXPECT_THAT(test_.Keys(test_.incarnation().keys().WalFolder()), ElementsAre());
}

TEST_F(WalArchiveTest, Put_MoreFactsThanAnIndexHolds_ArchivesWithoutThem) {
    format::WalIndex index;
    index.set_name(kArchivedSegment);
    for (int i = 0; i < 50000; ++i) index.add_restore_points()->set_name(std::string(63, 'r'));
    const auto put = archive_.Put(index, segment_, 1, test_.clock);
    ASSERT_TRUE(put) << put.error().ToString();
    EXPECT_EQ(put->index.restore_points_size(), 0);
    EXPECT_NE(put->index.scan_problem(), "");
    EXPECT_EQ(test::Must(Read(kArchivedSegment)), segment_);
}

TEST_F(WalArchiveTest, Put_TextThatCouldNotBeReadBack_IsRefused) {
    EXPECT_EQ(Put(kArchivedSegment, segment_, "h\xf6st").error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(test::Must(archive_.Exists(Name(kArchivedSegment))));
}

TEST_F(WalArchiveTest, Put_PowerLostAtAnyPoint_NeverAcknowledgesWhatIsLost) {
    const uint64_t before = test_.disk->operations();
    test::Must(Put("000000010000000000000001", segment_));
    const uint64_t operations = test_.disk->operations() - before;
    for (uint64_t n = 0; n <= operations; ++n) {
        const std::string name = fmt::format("0000000100000001{:08X}", n);
        test_.disk->CutPowerAfter(n);
        const bool acknowledged = Put(name, segment_).has_value();
        test_.disk->PowerOn(test::Unsynced::kLost);
        EXPECT_EQ(Read(name).has_value(), acknowledged) << n;
    }
}

TEST_F(WalArchiveTest, Read_SinkFails_PassesItsErrorOn) {
    test::Must(Put(kArchivedSegment, segment_));
    const auto read = archive_.Read(Name(kArchivedSegment), [](ByteView) -> base::Status {
        return base::MakeError(ErrorCode::kNoSpace, "pg_wal is full");
    });
    EXPECT_EQ(read.error().message, "pg_wal is full");
}

TEST_F(WalArchiveTest, ReadHistory_GivesItsText) {
    test::Must(Put("00000002.history", AsBytes("1\t0/3000000\tno recovery target\n")));
    EXPECT_EQ(test::Must(archive_.ReadHistory({2})), "1\t0/3000000\tno recovery target\n");
    EXPECT_EQ(archive_.ReadHistory({3}).error().code, ErrorCode::kNotFound);
    EXPECT_THAT(test::Must(archive_.HistoryFiles()), ElementsAre("00000002.history"));
}

}  // namespace
}  // namespace agri::repo

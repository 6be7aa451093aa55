// The tail: what was shipped is what is read, the highest epoch whose claim is on record counts,
// and nothing else is believed.
#include "repo/wal_tail.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "codec/digest.hpp"
#include "repo/claim.hpp"
#include "repo/record.hpp"
#include "repo/test_repository.hpp"
#include "repo/wal_archive.hpp"

namespace agri::repo {
namespace {

using base::AsBytes;
using base::Bytes;
using base::ByteView;
using base::ErrorCode;
using storage::PutOutcome;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class WalTailTest : public testing::Test {
   protected:
    WalTail::Shipment Shipment(ByteView content) const {
        return {.segment = segment_, .content = content, .writer_epoch = claim_, .host = "db1"};
    }
    base::Result<PutOutcome> Ship(ByteView content) {
        return tail_.Ship(Shipment(content), test_.clock);
    }
    // As the server itself ships, after a crash recovery that rewrote what was there.
    base::Result<PutOutcome> ShipRecovered(ByteView content) {
        WalTail::Shipment shipment = Shipment(content);
        shipment.supersedes = true;
        return tail_.Ship(shipment, test_.clock);
    }
    std::optional<TailPart> Read() const { return test::Must(tail_.Read(segment_)); }
    std::vector<std::string> Objects() const { return test_.Keys(keys_.TailFolder()); }
    void TakeClaim(uint64_t epoch) {
        test::Must(repo::TakeClaim(test_.incarnation(), epoch, {.host = "db1"}, {1}, "first",
                                   test_.clock, base::SystemRandom()));
        claim_ = epoch;
    }
    // A piece as another program might write it, or somebody who means harm.
    struct Piece {
        uint64_t epoch = 1;
        uint64_t from = 0;  // from the segment's start
        std::string content;
        std::string name;  // in the message; empty: the segment's
        uint64_t system = test::kTestSystem;
        uint64_t said_epoch = 0;  // in the message; 0: epoch
        std::string digest_of;    // empty: of the content
    };
    void PutPiece(const Piece& put) {
        const std::string name = segment_.FileName(test::kTestSegmentBytes);
        const base::Lsn from{segment_.Start(test::kTestSegmentBytes).value + put.from};
        const base::Lsn to{from.value + put.content.size()};
        format::TailPiece piece;
        piece.set_segment(put.name.empty() ? name : put.name);
        piece.set_system_identifier(put.system);
        piece.set_epoch(put.said_epoch == 0 ? put.epoch : put.said_epoch);
        piece.set_from_lsn(from.value);
        piece.set_to_lsn(to.value);
        const auto digest =
            codec::Sha256(AsBytes(put.digest_of.empty() ? put.content : put.digest_of));
        piece.set_sha256(digest.data(), digest.size());
        Repository& repository = test_.repository();
        auto writer =
            test::Must(SealedWriter::Create(repository.storage(), repository, ObjectKind::kTail,
                                            keys_.TailPiece(put.epoch, name, from, to), 1));
        test::Must(writer.AppendFrame(AsBytes(piece.SerializeAsString())));
        test::Must(writer.Finish(AsBytes(put.content)));
    }
    // Begins an epoch by hand, in the name of a claim.
    void PutBegin(uint64_t epoch, const format::WriterClaim& claim) {
        test::Must(PutMessage(test_.repository(), keys_.TailBegin(epoch), claim));
    }

    test::TestRepository test_;
    const layout::IncarnationKeys& keys_ = test_.incarnation().keys();
    WalTail tail_{test_.incarnation()};
    const base::SegmentId segment_{{1}, 7};
    const Bytes wal_ = test::Noise(test::kTestSegmentBytes, 1);
    const ByteView begin_ = ByteView(wal_).first(300'000);
    uint64_t claim_ = 0;
};

TEST_F(WalTailTest, NothingShipped_IsNothing) {
    EXPECT_FALSE(Read());
    EXPECT_THAT(test::Must(tail_.Segments()), IsEmpty());
}

TEST_F(WalTailTest, Ship_IsReadBack) {
    TakeClaim(1);
    EXPECT_EQ(test::Must(Ship(begin_)), PutOutcome::kCreated);
    const auto part = Read();
    ASSERT_TRUE(part);
    EXPECT_TRUE(std::ranges::equal(part->content, begin_));
    EXPECT_EQ(part->segment, segment_);
    EXPECT_EQ(part->epoch, 1u);
    EXPECT_EQ(part->host, "db1");
    EXPECT_EQ(part->shipped_us, test_.clock.Now().time_since_epoch().count());
    EXPECT_THAT(test::Must(tail_.Segments()), ElementsAre(segment_));
    EXPECT_FALSE(test::Must(tail_.Read({{2}, 7})));
}

TEST_F(WalTailTest, Ship_WholeSegmentWithoutAnyClaim_IsReadBack) {
    ASSERT_TRUE(Ship(wal_));
    EXPECT_EQ(Read()->content, wal_);
}

TEST_F(WalTailTest, Ship_NothingOrTooMuch_IsRefused) {
    EXPECT_EQ(Ship({}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(Ship(Bytes(test::kTestSegmentBytes + 1)).error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(Objects(), IsEmpty());
}

TEST_F(WalTailTest, Ship_SameOrLess_IsThereAlready) {
    ASSERT_TRUE(Ship(begin_));
    const auto objects = Objects();
    EXPECT_EQ(test::Must(Ship(begin_)), PutOutcome::kExists);
    EXPECT_EQ(test::Must(Ship(begin_.first(10))), PutOutcome::kExists);
    EXPECT_EQ(Objects(), objects);
}

TEST_F(WalTailTest, Ship_ThereButNotDurable_MakesItDurable) {
    for (const char* what : {"-", "begin"}) {  // a piece's name; its epoch's beginning
        test_.disk->Fail({test::Operation::kSync, ErrorCode::kIo, what});
        EXPECT_FALSE(Ship(begin_)) << what;
    }
    ASSERT_TRUE(Ship(begin_));
    test_.disk->CutPowerAfter(0);
    test_.disk->PowerOn(test::Unsynced::kLost);
    ASSERT_TRUE(Read());
    EXPECT_TRUE(std::ranges::equal(Read()->content, begin_));
}

TEST_F(WalTailTest, Ship_More_BeginsAnEpochThatCounts) {
    ASSERT_TRUE(Ship(begin_));
    EXPECT_EQ(test::Must(Ship(wal_)), PutOutcome::kCreated);
    EXPECT_EQ(Read()->epoch, 2u);
    EXPECT_EQ(Read()->content, wal_);
}

TEST_F(WalTailTest, Ship_OtherContent_IsConflictThatNamesBoth) {
    ASSERT_TRUE(Ship(begin_));
    const Bytes other = test::Noise(400'000, 2);
    const auto shipped = Ship(other);
    ASSERT_FALSE(shipped);
    EXPECT_EQ(shipped.error().code, ErrorCode::kConflict);
    EXPECT_THAT(shipped.error().message, HasSubstr(segment_.FileName(test::kTestSegmentBytes)));
    EXPECT_THAT(shipped.error().detail, HasSubstr("300000 bytes, host \"db1\""));
    EXPECT_THAT(shipped.error().detail, HasSubstr("400000 bytes, host \"db1\""));
    EXPECT_TRUE(std::ranges::equal(Read()->content, begin_));
}

TEST_F(WalTailTest, Ship_RewrittenByCrashRecovery_Supersedes) {
    ASSERT_TRUE(Ship(begin_));
    const Bytes other = test::Noise(200'000, 2);
    EXPECT_EQ(test::Must(ShipRecovered(other)), PutOutcome::kCreated);
    EXPECT_EQ(Read()->epoch, 2u);
    EXPECT_EQ(Read()->content, other);
}

TEST_F(WalTailTest, Ship_ClaimNoLongerInForce_IsConflict) {
    TakeClaim(1);
    TakeClaim(2);
    claim_ = 1;
    const auto shipped = Ship(begin_);
    ASSERT_FALSE(shipped);
    EXPECT_EQ(shipped.error().code, ErrorCode::kConflict);
    EXPECT_THAT(shipped.error().message, HasSubstr("another server"));
    EXPECT_THAT(Objects(), IsEmpty());
}

TEST_F(WalTailTest, Ship_OverWhatCannotBeRead_TakesItsPlace) {
    ASSERT_TRUE(Ship(begin_));
    test_.disk->Overwrite(Objects()[0], test::Noise(3000, 9));
    test::ExpectCorrupt(tail_.Read(segment_));
    ASSERT_TRUE(Ship(begin_));
    EXPECT_TRUE(std::ranges::equal(Read()->content, begin_));
}

TEST_F(WalTailTest, Ship_StorageCannotBeRead_IsNotTakenForNothing) {
    ASSERT_TRUE(Ship(begin_));
    test_.disk->Fail({test::Operation::kOpen, ErrorCode::kUnavailable, "tail/"});
    EXPECT_EQ(Ship(wal_).error().code, ErrorCode::kUnavailable);
}

TEST_F(WalTailTest, Ship_ManyAtOnce_EachHasAnEpochOfItsOwn) {
    std::vector<std::thread> threads;
    std::atomic<int> shipped{0};
    for (size_t i = 1; i <= 6; ++i)
        threads.emplace_back([&, i] { shipped += Ship(begin_.first(i * 10'000)).has_value(); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(shipped, 6);
    ASSERT_TRUE(Ship(begin_.first(60'000)));
    EXPECT_TRUE(std::ranges::equal(Read()->content, begin_.first(60'000)));
}

TEST_F(WalTailTest, Read_ClaimThatNobodyHad_DoesNotCount) {
    TakeClaim(1);
    ASSERT_TRUE(Ship(begin_));
    format::WriterClaim claim;
    claim.set_epoch(1);
    claim.set_claim_id("another one's");
    PutBegin(2, claim);
    PutPiece({.epoch = 2, .content = "false"});
    claim.set_epoch(7);
    PutBegin(3, claim);
    PutPiece({.epoch = 3, .content = "false"});
    PutPiece({.epoch = 4, .content = "without a beginning"});
    EXPECT_EQ(Read()->epoch, 1u);
    EXPECT_TRUE(std::ranges::equal(Read()->content, begin_));
}

TEST_F(WalTailTest, Read_EarlierClaimOfTheLineage_Counts) {
    TakeClaim(1);
    ASSERT_TRUE(Ship(begin_));
    TakeClaim(2);
    ASSERT_TRUE(Read());
    EXPECT_TRUE(std::ranges::equal(Read()->content, begin_));
}

TEST_F(WalTailTest, Read_PiecesWithAGap_EndsBeforeIt) {
    PutBegin(1, {});
    PutPiece({.from = 0, .content = "abc"});
    PutPiece({.from = 3, .content = "defg"});
    PutPiece({.from = 5, .content = "overlaps"});
    PutPiece({.from = 100, .content = "behind the gap"});
    const auto part = Read();
    ASSERT_TRUE(part);
    EXPECT_EQ(base::AsText(part->content), "abcdefg");
    EXPECT_THAT(part->keys, SizeIs(2));
}

TEST_F(WalTailTest, Read_NotFromTheSegmentsStart_IsNothing) {
    PutBegin(1, {});
    PutPiece({.from = 8192, .content = "abc"});
    EXPECT_FALSE(Read());
}

TEST_F(WalTailTest, Read_PieceThatContradictsItsName_IsCorrupt) {
    const Piece wrong[] = {
        {.content = "abc", .name = "000000010000000000000008"},
        {.content = "abc", .system = test::kTestSystem + 1},
        {.content = "abc", .said_epoch = 9},
        {.content = "abc", .digest_of = "xyz"},
    };
    uint64_t epoch = 0;
    for (Piece piece : wrong) {
        PutBegin(++epoch, {});
        piece.epoch = epoch;
        PutPiece(piece);
        test::ExpectCorrupt(tail_.Read(segment_));
    }
}

TEST_F(WalTailTest, Read_PieceMovedToAnotherName_IsCorrupt) {
    ASSERT_TRUE(Ship(begin_));
    const base::SegmentId next{{1}, 8};
    const std::string name = next.FileName(test::kTestSegmentBytes);
    const base::Lsn from = next.Start(test::kTestSegmentBytes);
    const Bytes piece = test_.Content(Read()->keys[0]);
    test_.disk->Overwrite(keys_.TailPiece(1, name, from, {from.value + begin_.size()}), piece);
    test::ExpectCorrupt(tail_.Read(next));
}

TEST_F(WalTailTest, Read_CutFlippedOrMissingPiece_IsNeverServed) {
    ASSERT_TRUE(Ship(begin_));
    const std::string key = Read()->keys[0];
    const Bytes whole = test_.Content(key);
    for (const size_t length : {size_t{0}, size_t{70}, whole.size() / 2, whole.size() - 1}) {
        test_.disk->Overwrite(key, Bytes(whole.begin(), whole.begin() + length));
        test::ExpectCorrupt(tail_.Read(segment_));
    }
    for (const size_t at : {size_t{9}, size_t{80}, whole.size() / 2, whole.size() - 1}) {
        Bytes flipped = whole;
        flipped[at] ^= std::byte{1};
        test_.disk->Overwrite(key, flipped);
        EXPECT_FALSE(tail_.Read(segment_)) << at;
    }
    test::Must(test_.repository().storage().Remove(key));
    EXPECT_FALSE(Read());
}

TEST_F(WalTailTest, Ship_RemovesWhatIsArchivedByThen) {
    ASSERT_TRUE(Ship(begin_));
    format::WalIndex index;
    index.set_name(segment_.FileName(test::kTestSegmentBytes));
    index.set_system_identifier(test::kTestSystem);
    test::Must(WalArchive(test_.incarnation()).Put(index, wal_, 1, test_.clock));
    WalTail::Shipment next = Shipment(begin_);
    next.segment = {{1}, 8};
    test::Must(tail_.Ship(next, test_.clock));
    EXPECT_THAT(test::Must(tail_.Segments()), ElementsAre(next.segment));
    EXPECT_THAT(Objects(), SizeIs(2));  // of the new epoch alone: its beginning and a piece
    next.segment = {{1}, 9};
    test::Must(tail_.Ship(next, test_.clock));
    EXPECT_THAT(test::Must(tail_.Segments()), SizeIs(2));  // 8 is archived nowhere
}

}  // namespace
}  // namespace agri::repo

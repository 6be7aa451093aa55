// Objects of several frames: golden bytes, and damage at every bit, cut and seam.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/fixed_sealing.hpp"
#include "repo/object.hpp"
#include "storage/memory_storage.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::FixedSealing;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kStreamKey = "clusters/main/wal/000000010000000000000001";

class SealedStreamTest : public testing::Test {
   protected:
    using Frames = std::vector<std::string>;

    base::Bytes Write(const SealingContext& sealing, const Frames& frames, int level = 3) {
        disk_->Erase(kStreamKey);
        auto writer = SealedWriter::Create(storage_, sealing, ObjectKind::kWal, kStreamKey, level);
        EXPECT_TRUE(writer);
        for (size_t i = 0; i + 1 < frames.size(); ++i)
            EXPECT_TRUE(writer->AppendFrame(base::AsBytes(frames[i])));
        auto outcome = writer->Finish(base::AsBytes(frames.back()));
        EXPECT_TRUE(outcome && *outcome == storage::PutOutcome::kCreated);
        base::Bytes object = *disk_->Snapshot().at(kStreamKey);
        EXPECT_EQ(writer->stored_bytes(), object.size());
        return object;
    }
    base::Result<Frames> Read(const SealingContext& sealing, const std::string& key = kStreamKey) {
        AGRI_ASSIGN(auto reader, SealedReader::Open(storage_, sealing, ObjectKind::kWal, key));
        Frames frames;
        while (true) {
            AGRI_ASSIGN(auto plain, reader.Next());
            if (!plain) return frames;
            frames.emplace_back(base::AsText(*plain));
        }
    }
    base::Result<Frames> ReadAs(base::Bytes content) {
        disk_->Overwrite(kStreamKey, std::move(content));
        return Read(sealing_);
    }

    std::shared_ptr<test::MemoryDisk> disk_ = std::make_shared<test::MemoryDisk>();
    test::MemoryStorage storage_{disk_};
    FixedSealing sealing_;
};

TEST_F(SealedStreamTest, Read_GoldenFiles_GivesTheirFrames) {
    for (auto method : {codec::SealingMethod::kAes256Gcm, codec::SealingMethod::kNone}) {
        bool sealed = method == codec::SealingMethod::kAes256Gcm;
        test::Golden golden = test::ReadGolden(sealed ? "v1_frames_aes" : "v1_frames_none");
        disk_->Overwrite(golden.key, golden.content);
        auto frames = Read(FixedSealing(method), golden.key);
        ASSERT_TRUE(frames) << frames.error().ToString();
        std::string compressible;
        for (int i = 0; i < 40; ++i) compressible += "compressible ";
        EXPECT_THAT(*frames, ElementsAre("what stands in frame 0", compressible, ""));
    }
}

TEST_F(SealedStreamTest, Read_FramesOfAllSizes_GivesThemBack) {
    std::string large(kMaxFramePlainBytes, '\0');
    base::SystemRandom().Fill(std::as_writable_bytes(std::span(large)));
    Frames frames{"index", large, "", std::string(200000, 'c'), large.substr(0, 70000), "end"};
    for (int level : {kNoCompression, -3, 3}) {
        Write(sealing_, frames, level);
        auto back = Read(sealing_);
        ASSERT_TRUE(back) << back.error().ToString();
        EXPECT_EQ(*back, frames);
    }
}

TEST_F(SealedStreamTest, Next_AfterTheLastFrame_StaysAtTheEnd) {
    Write(sealing_, {"only"});
    auto reader = SealedReader::Open(storage_, sealing_, ObjectKind::kWal, kStreamKey);
    ASSERT_TRUE(reader && reader->Next());
    for (int i = 0; i < 2; ++i) {
        auto next = reader->Next();
        ASSERT_TRUE(next);
        EXPECT_FALSE(*next);
    }
}

TEST_F(SealedStreamTest, Read_AnyBitFlipped_IsRefusedByName) {
    base::Bytes whole = Write(sealing_, {"frame 0", std::string(100, 'x'), ""});
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
        base::Bytes damaged = whole;
        damaged[bit / 8] ^= std::byte{1} << (bit % 8);
        auto frames = ReadAs(damaged);
        ASSERT_FALSE(frames) << "byte " << bit / 8;
        EXPECT_THAT(frames.error().message, HasSubstr(kStreamKey)) << "byte " << bit / 8;
    }
}

TEST_F(SealedStreamTest, Read_CutAtAnyLength_IsCorrupt) {
    base::Bytes whole = Write(sealing_, {"frame 0", std::string(100, 'x'), ""});
    for (size_t length = 0; length < whole.size(); ++length) {
        auto frames = ReadAs({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)});
        ASSERT_FALSE(frames) << length;
        EXPECT_EQ(frames.error().code, ErrorCode::kCorrupt) << length;
        EXPECT_THAT(frames.error().message, HasSubstr(kStreamKey)) << length;
    }
}

TEST_F(SealedStreamTest, Read_Extended_IsCorrupt) {
    base::Bytes whole = Write(sealing_, {"frame 0", "frame 1"});
    size_t frame_bytes = kFrameOverheadBytes + 7;
    base::Bytes trailing = whole;
    trailing.push_back(std::byte{0});
    EXPECT_EQ(ReadAs(trailing).error().code, ErrorCode::kCorrupt);
    base::Bytes repeated = whole;
    repeated.insert(repeated.end(), whole.end() - static_cast<ptrdiff_t>(frame_bytes), whole.end());
    EXPECT_EQ(ReadAs(repeated).error().code, ErrorCode::kCorrupt);
}

TEST_F(SealedStreamTest, Read_FramesSwapped_IsCorrupt) {
    base::Bytes whole = Write(sealing_, {"frame 0", "frame 1", "frame 2"}, kNoCompression);
    auto frame_bytes = static_cast<ptrdiff_t>(kFrameOverheadBytes + 7);
    auto first = whole.begin() + kObjectHeaderBytes;
    std::swap_ranges(first, first + frame_bytes, first + frame_bytes);
    EXPECT_EQ(ReadAs(whole).error().code, ErrorCode::kCorrupt);
}

TEST_F(SealedStreamTest, Read_FrameOfAnEarlierAttempt_IsCorrupt) {
    base::Bytes first = Write(sealing_, {"frame 0", "frame 1"});
    FixedSealing retried;
    retried.salt_begins = 0x10;
    base::Bytes second = Write(retried, {"frame 0", "frame 1"});
    std::copy(first.begin() + kObjectHeaderBytes, first.end(), second.begin() + kObjectHeaderBytes);
    EXPECT_EQ(ReadAs(second).error().code, ErrorCode::kCorrupt);
}

TEST_F(SealedStreamTest, Open_AnotherKind_SaysWhatItIs) {
    Write(sealing_, {"x"});
    auto reader = SealedReader::Open(storage_, sealing_, ObjectKind::kManifest, kStreamKey);
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(reader.error().message, HasSubstr("is a WAL object where a manifest was expected"));
    auto any = SealedReader::OpenAnyKind(storage_, sealing_, kStreamKey);
    ASSERT_TRUE(any);
    EXPECT_EQ(any->header().kind, ObjectKind::kWal);
}

TEST_F(SealedStreamTest, Open_Missing_IsNotFound) {
    EXPECT_EQ(Read(sealing_).error().code, ErrorCode::kNotFound);
}

TEST_F(SealedStreamTest, Read_StorageFails_KeepsItsCodeAndNamesTheObject) {
    Write(sealing_, {std::string(300000, 'a'), "b"}, kNoCompression);
    disk_->Fail({.operation = test::Operation::kRead, .skip = 1});
    auto frames = Read(sealing_);
    ASSERT_FALSE(frames);
    EXPECT_EQ(frames.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(frames.error().message, HasSubstr(kStreamKey));
}

TEST_F(SealedStreamTest, Finish_KeyIsTaken_ReportsExists) {
    base::Bytes first = Write(sealing_, {"first"});
    auto writer = SealedWriter::Create(storage_, sealing_, ObjectKind::kWal, kStreamKey, 1);
    ASSERT_TRUE(writer);
    auto outcome = writer->Finish(base::AsBytes("second"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(*outcome, storage::PutOutcome::kExists);
    EXPECT_EQ(*disk_->Snapshot().at(kStreamKey), first);
}

TEST_F(SealedStreamTest, Writer_Destroyed_LeavesNothing) {
    {
        auto writer = SealedWriter::Create(storage_, sealing_, ObjectKind::kWal, kStreamKey, 1);
        ASSERT_TRUE(writer && writer->AppendFrame(base::AsBytes("lost")));
    }
    EXPECT_TRUE(disk_->Snapshot().empty());
}

}  // namespace
}  // namespace agri::repo

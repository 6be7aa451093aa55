// restore_command's requests: what is there, what is not, what is damaged, and the spool.
#include "engine/wal_fetch.hpp"

#include <sys/file.h>

#include "engine/test_archive.hpp"
#include "engine/wal_prefetch.hpp"
#include "engine/wal_spool.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::FileText;
using test::Must;

class WalFetchTest : public testing::Test {
   protected:
    WalFetchTest() {
        std::filesystem::create_directories(place / "pg_wal");
        request.destination = place / "pg_wal/RECOVERYXLOG";
    }
    base::Result<WalFetchOutcome> Fetch(const std::string& name) {
        request.name = name;
        return FetchWal(repository.incarnation(), request, context.get());
    }
    base::Result<WalFetchOutcome> FetchSegment(uint64_t number, uint32_t timeline = 1) {
        return Fetch(test::SegmentName(timeline, number));
    }
    void ExpectNothingFetched() const { EXPECT_TRUE(std::filesystem::is_empty(place / "pg_wal")); }
    std::string Archived(uint64_t number) const {
        std::string content;
        const auto name = *base::WalFileName::Parse(test::SegmentName(1, number));
        Must(repo::WalArchive(repository.incarnation())
                 .Read(name, [&](base::ByteView part) -> base::Status {
                     content += base::AsText(part);
                     return {};
                 }));
        return content;
    }
    void Damage(const std::string& key) {
        base::Bytes content = repository.Content(key);
        content[content.size() / 2] ^= std::byte{1};
        repository.disk->Overwrite(key, content);
    }
    void UseSpool(uint32_t segments) {
        request.spool_folder = place / "agri_backup/spool";
        request.prefetch = segments;
    }
    WalSpool Spool() const {
        return *WalSpool::Open(request.spool_folder, repository.incarnation());
    }
    // Returns when no prefetching process is at work any more.
    void WaitForPrefetch() const {
        const std::string folder =
            std::filesystem::path(Spool().PathOf({{1}, 0x20})).parent_path().string();
        base::Fd fd = Must(base::OpenFile(folder, O_RDONLY | O_DIRECTORY));
        ASSERT_EQ(flock(fd.get(), LOCK_EX), 0);
    }

    test::TestRepository repository;
    test::TwoTimelines story{repository};
    test::TestContext context;
    test::TemporaryFolder place;
    WalFetchRequest request;
};

TEST_F(WalFetchTest, FetchWal_ArchivedSegment_ArrivesWhole) {
    EXPECT_EQ(Must(FetchSegment(0x21)), WalFetchOutcome::kFetched);
    EXPECT_TRUE(FileText(request.destination) == Archived(0x21));
    EXPECT_EQ(std::filesystem::file_size(request.destination), test::kTestSegmentBytes);
}

TEST_F(WalFetchTest, FetchWal_HistoryFile_Arrives) {
    EXPECT_EQ(Must(Fetch("00000002.history")), WalFetchOutcome::kFetched);
    EXPECT_TRUE(FileText(request.destination).starts_with("1\t"));
}

TEST_F(WalFetchTest, FetchWal_NotArchived_IsAbsent) {
    EXPECT_EQ(Must(FetchSegment(0x30)), WalFetchOutcome::kAbsent);
    EXPECT_EQ(Must(Fetch("00000003.history")), WalFetchOutcome::kAbsent);
    // A partial segment is another file than the segment.
    EXPECT_EQ(Must(Fetch(test::SegmentName(1, 0x21) + ".partial")), WalFetchOutcome::kAbsent);
    ExpectNothingFetched();
}

TEST_F(WalFetchTest, FetchWal_AbsentBeforePresentOnes_IsWarnedOf) {
    repository.disk->Erase(test::SegmentKey(repository.incarnation(), 1, 0x21));
    EXPECT_EQ(Must(FetchSegment(0x21)), WalFetchOutcome::kAbsent);
    EXPECT_NE(context.log().find("although the next one is"), std::string::npos) << context.log();
}

TEST_F(WalFetchTest, FetchWal_NoWalName_IsRefused) {
    for (const char* name : {"", "garbage", "../00000002.history", "00000001000000000000002"})
        EXPECT_EQ(Fetch(name).error().code, ErrorCode::kInvalidArgument) << name;
}

TEST_F(WalFetchTest, FetchWal_DamagedObject_IsCorruptAndLeavesNothing) {
    const std::string key = test::SegmentKey(repository.incarnation(), 1, 0x21);
    Damage(key);
    const auto outcome = FetchSegment(0x21);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(outcome.error().ToString().find(key), std::string::npos);
    ExpectNothingFetched();
}

TEST_F(WalFetchTest, FetchWal_SwappedObject_IsCorrupt) {
    const auto content = repository.Content(test::SegmentKey(repository.incarnation(), 1, 0x22));
    repository.disk->Overwrite(test::SegmentKey(repository.incarnation(), 1, 0x21), content);
    EXPECT_EQ(FetchSegment(0x21).error().code, ErrorCode::kCorrupt);
    ExpectNothingFetched();
}

TEST_F(WalFetchTest, FetchWal_StorageDown_IsNotAbsent) {
    test::Fault fault;
    fault.operation = test::Operation::kOpen;
    repository.disk->Fail(fault);
    EXPECT_EQ(FetchSegment(0x21).error().code, ErrorCode::kUnavailable);
}

TEST_F(WalFetchTest, FetchWal_DestinationFolderMissing_IsNotAbsent) {
    request.destination = place / "nowhere/RECOVERYXLOG";
    EXPECT_EQ(FetchSegment(0x21).error().code, ErrorCode::kIo);
}

TEST_F(WalFetchTest, FetchWal_WithSpool_FetchesAheadAndServesFromThere) {
    UseSpool(3);
    EXPECT_EQ(Must(FetchSegment(0x20)), WalFetchOutcome::kFetched);
    WaitForPrefetch();
    for (uint64_t number = 0x21; number <= 0x23; ++number)
        EXPECT_TRUE(Spool().Has({{1}, number})) << number;
    EXPECT_FALSE(Spool().Has({{1}, 0x24}));

    const std::string expected = Archived(0x21);
    repository.disk->Erase(test::SegmentKey(repository.incarnation(), 1, 0x21));
    EXPECT_EQ(Must(FetchSegment(0x21)), WalFetchOutcome::kFetched);
    EXPECT_TRUE(FileText(request.destination) == expected);
    WaitForPrefetch();
    EXPECT_FALSE(Spool().Has({{1}, 0x21}));
    EXPECT_TRUE(Spool().Has({{1}, 0x22}));
}

TEST_F(WalFetchTest, FetchWal_PrefetchPastTheEnd_EndsQuietly) {
    UseSpool(8);
    EXPECT_EQ(Must(FetchSegment(0x24)), WalFetchOutcome::kFetched);
    WaitForPrefetch();
    EXPECT_TRUE(Spool().Has({{1}, 0x25}));
    EXPECT_FALSE(Spool().Has({{1}, 0x26}));
    EXPECT_EQ(Must(FetchSegment(0x26)), WalFetchOutcome::kAbsent);
}

TEST_F(WalFetchTest, FetchWal_SpooledFileOfAnotherSegment_IsNotUsed) {
    UseSpool(3);
    test::TestCluster::WriteFile(Spool().PathOf({{1}, 0x21}), Archived(0x22));
    EXPECT_EQ(Must(FetchSegment(0x21)), WalFetchOutcome::kFetched);
    EXPECT_TRUE(FileText(request.destination) == Archived(0x21));
}

TEST_F(WalFetchTest, FetchWal_CutSpooledFile_IsNotUsed) {
    UseSpool(3);
    test::TestCluster::WriteFile(Spool().PathOf({{1}, 0x21}), Archived(0x21).substr(0, 8192));
    EXPECT_EQ(Must(FetchSegment(0x21)), WalFetchOutcome::kFetched);
    EXPECT_TRUE(FileText(request.destination) == Archived(0x21));
}

TEST_F(WalFetchTest, FetchWal_HistoryFileAskedFor_EmptiesTheSpool) {
    UseSpool(3);
    Must(FetchSegment(0x20));
    WaitForPrefetch();
    Must(Fetch("00000002.history"));
    EXPECT_FALSE(Spool().Has({{1}, 0x21}));
}

TEST_F(WalFetchTest, WalSpool_FilesOfAnotherBootOrRepository_AreRemoved) {
    UseSpool(3);
    test::TestCluster::WriteFile(request.spool_folder + "/elsewhere/000000010000000000000021", "x");
    Spool();
    EXPECT_FALSE(std::filesystem::exists(request.spool_folder + "/elsewhere"));
}

TEST_F(WalFetchTest, WalSpool_Trim_KeepsWhatCanBeAskedForNext) {
    UseSpool(3);
    const WalSpool spool = Spool();
    for (uint64_t number = 0x20; number <= 0x25; ++number)
        test::TestCluster::WriteFile(spool.PathOf({{1}, number}), "x");
    test::TestCluster::WriteFile(spool.PathOf({{2}, 0x23}), "x");
    spool.Trim({{1}, 0x21}, 3);
    for (uint64_t number = 0x20; number <= 0x25; ++number)
        EXPECT_EQ(spool.Has({{1}, number}), number >= 0x22 && number <= 0x24) << number;
    EXPECT_FALSE(spool.Has({{2}, 0x23}));
}

}  // namespace
}  // namespace agri::engine

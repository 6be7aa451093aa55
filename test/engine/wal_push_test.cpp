// Archiving WAL files: what is accepted, what is refused, and what is noted about it.
#include "engine/wal_push.hpp"

#include <sys/wait.h>

#include <thread>

#include "engine/test_cluster.hpp"
#include "engine/unfinished_wal.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using storage::PutOutcome;
using test::Must;

constexpr int64_t kNoon = 1763812800'000000;

class WalPushTest : public testing::Test {
   protected:
    static wal::BuilderOptions Options() {
        wal::BuilderOptions options;
        options.major_version = 15;
        options.system_identifier = test::kTestSystem;
        return options;
    }
    // Several segments; records cross every boundary.
    static wal::WalBuilder ManySegments(size_t count) {
        wal::WalBuilder builder(Options());
        for (uint32_t xid = 700; builder.segment_count() < count; ++xid) {
            builder.Filler(5000);
            builder.Commit(xid, kNoon + xid);
        }
        // The last of them is left unfinished.
        return builder;
    }
    static std::string Name(uint64_t number, uint32_t timeline = 1) {
        return base::SegmentId{{timeline}, number}.FileName(test::kTestSegmentBytes);
    }
    std::string Put(const std::string& name, base::ByteView content) {
        test::TestCluster::WriteFile(folder / name, base::AsText(content));
        return folder / name;
    }
    base::Result<WalPushResult> Push(const std::string& path) {
        return pusher.Push(path, context.get());
    }
    repo::format::WalIndex Index(const std::string& name) {
        return Must(
            repo::WalArchive(repository.incarnation()).ReadIndex(*base::WalFileName::Parse(name)));
    }

    test::TestRepository repository;
    test::TestContext context;
    test::TemporaryFolder folder;
    WalPusher pusher{repository.incarnation(), 3};
};

TEST_F(WalPushTest, Push_Segment_ReadsBackWithItsFacts) {
    wal::WalBuilder builder(Options());
    builder.Commit(700, kNoon);
    builder.Abort(701, kNoon + 1);
    builder.Commit(702, kNoon + 2);
    builder.Switch();
    const base::Bytes segment = builder.Segment(0);
    const auto pushed = Must(Push(Put(Name(3), segment)));
    EXPECT_EQ(pushed.outcome, PutOutcome::kCreated);
    EXPECT_GT(pushed.stored_bytes, 0u);

    const auto index = Index(Name(3));
    EXPECT_EQ(index.commits(), 2u);
    EXPECT_EQ(index.first_commit_us(), kNoon);
    EXPECT_EQ(index.last_commit_us(), kNoon + 2);
    EXPECT_EQ(index.min_xid(), 700u);
    EXPECT_EQ(index.max_xid(), 702u);
    EXPECT_EQ(index.writer_epoch(), 3u);
    EXPECT_EQ(index.system_identifier(), test::kTestSystem);
    EXPECT_EQ(index.major_version(), 15u);
    EXPECT_TRUE(index.ends_with_switch());
    EXPECT_EQ(index.scan_problem(), "");
    EXPECT_FALSE(index.host().empty());
    base::Bytes back;
    Must(repo::WalArchive(repository.incarnation())
             .Read(*base::WalFileName::Parse(Name(3)), [&](base::ByteView part) -> base::Status {
                 back.insert(back.end(), part.begin(), part.end());
                 return {};
             }));
    EXPECT_EQ(back, segment);
}

TEST_F(WalPushTest, Push_SameAgain_IsSuccess) {
    const std::string path = Put(Name(3), ManySegments(2).Segment(0));
    EXPECT_EQ(Must(Push(path)).outcome, PutOutcome::kCreated);
    EXPECT_EQ(Must(Push(path)).outcome, PutOutcome::kExists);
}

TEST_F(WalPushTest, Push_DifferentContent_IsAConflict) {
    Must(Push(Put(Name(3), ManySegments(2).Segment(0))));
    wal::WalBuilder other(Options());
    other.Commit(9, kNoon);
    other.Switch();
    const auto pushed = Push(Put(Name(3), other.Segment(0)));
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, ErrorCode::kConflict);
    EXPECT_FALSE(pushed.error().hint.empty());
}

TEST_F(WalPushTest, Push_ForeignSegments_Refused) {
    wal::BuilderOptions options = Options();
    options.system_identifier = 99;
    wal::WalBuilder foreign(options);
    foreign.Switch();
    auto pushed = Push(Put(Name(3), foreign.Segment(0)));
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, ErrorCode::kConflict);
    EXPECT_NE(pushed.error().ToString().find(Name(3)), std::string::npos);

    options = Options();
    options.major_version = 17;
    wal::WalBuilder newer(options);
    newer.Switch();
    EXPECT_EQ(Push(Put(Name(3), newer.Segment(0))).error().code, ErrorCode::kConflict);

    wal::WalBuilder elsewhere(Options());
    elsewhere.Switch();
    EXPECT_EQ(Push(Put(Name(4), elsewhere.Segment(0))).error().code, ErrorCode::kConflict);
    EXPECT_FALSE(Must(
        repo::WalArchive(repository.incarnation()).Exists(*base::WalFileName::Parse(Name(3)))));
}

TEST_F(WalPushTest, Push_NoWalAtAll_Refused) {
    base::Bytes segment = ManySegments(2).Segment(0);
    EXPECT_EQ(Push(Put(Name(3), base::ByteView(segment).first(4096))).error().code,
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(Push(Put(Name(3), base::Bytes(test::kTestSegmentBytes))).error().code,
              ErrorCode::kCorrupt);
    EXPECT_EQ(Push(Put(Name(3), test::Noise(test::kTestSegmentBytes, 1))).error().code,
              ErrorCode::kCorrupt);
    EXPECT_EQ(Push(Put("garbage", segment)).error().code, ErrorCode::kInvalidArgument);
    const auto missing = Push(folder / Name(9));
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_NE(missing.error().message.find(Name(9)), std::string::npos);
}

TEST_F(WalPushTest, Push_DamageInside_IsArchivedAndTold) {
    base::Bytes segment = ManySegments(2).Segment(0);
    segment[500'000] ^= std::byte{1};
    const auto pushed = Must(Push(Put(Name(3), segment)));
    EXPECT_EQ(pushed.outcome, PutOutcome::kCreated);
    EXPECT_NE(Index(Name(3)).scan_problem(), "");
    EXPECT_NE(context.log().find(Name(3)), std::string::npos);
}

TEST_F(WalPushTest, Push_InOrder_RecordsAcrossBoundariesAreCounted) {
    const wal::WalBuilder builder = ManySegments(4);
    uint64_t commits = 0;
    for (uint64_t i = 0; i < 3; ++i) Must(Push(Put(Name(3 + i), builder.Segment(i))));
    for (uint64_t i = 0; i < 3; ++i) {
        const auto index = Index(Name(3 + i));
        EXPECT_FALSE(index.head_unknown()) << i;
        EXPECT_EQ(index.scan_problem(), "") << i;
        EXPECT_GT(index.tail_record_lsn(), 0u) << i;
        commits += index.commits();
    }
    // What the same WAL holds when it is read in one piece.
    wal::SegmentCarry carry;
    uint64_t expected = 0;
    for (size_t i = 0; i < 3; ++i) {
        auto scan = Must(wal::ScanSegment(builder.Segment(i)));
        wal::Stitch(carry, scan);
        expected += scan.facts.commit_count;
    }
    EXPECT_EQ(commits, expected);
}

TEST_F(WalPushTest, Push_PredecessorInTheFolder_IsUsed) {
    const wal::WalBuilder builder = ManySegments(3);
    Put(Name(3), builder.Segment(0));
    Must(Push(Put(Name(4), builder.Segment(1))));
    EXPECT_FALSE(Index(Name(4)).head_unknown());
}

TEST_F(WalPushTest, Push_PredecessorInTheArchive_IsUsed) {
    const wal::WalBuilder builder = ManySegments(3);
    Must(Push(Put(Name(3), builder.Segment(0))));
    unlink((folder / Name(3)).c_str());
    WalPusher another(repository.incarnation(), 4);
    Must(another.Push(Put(Name(4), builder.Segment(1)), context.get()));
    EXPECT_FALSE(Index(Name(4)).head_unknown());
    EXPECT_EQ(Index(Name(4)).scan_problem(), "");
}

TEST_F(WalPushTest, Push_PredecessorUnknown_IsNoted) {
    Must(Push(Put(Name(4), ManySegments(3).Segment(1))));
    EXPECT_TRUE(Index(Name(4)).head_unknown());
    EXPECT_EQ(Index(Name(4)).scan_problem(), "");
}

TEST_F(WalPushTest, Push_RecordLargerThanASegment_IsFollowed) {
    wal::WalBuilder builder(Options());
    builder.Filler(2'500'000);
    builder.Commit(700, kNoon);
    builder.Switch();
    for (uint64_t i = 0; i < 3; ++i) Put(Name(3 + i), builder.Segment(i));
    for (uint64_t i = 0; i < 3; ++i) Must(Push(folder / Name(3 + i)));
    EXPECT_FALSE(Index(Name(5)).head_unknown());
    EXPECT_EQ(Index(Name(5)).scan_problem(), "");
    EXPECT_EQ(Index(Name(5)).commits(), 1u);
}

TEST_F(WalPushTest, Push_ManyAtOnce_WithinLittleMemory) {
    const wal::WalBuilder builder = ManySegments(13);
    for (uint64_t i = 0; i < 12; ++i) Put(Name(3 + i), builder.Segment(i));
    context.settings.memory_limit_bytes = 3 * test::kTestSegmentBytes;
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (uint64_t i = 0; i < 12; ++i)
        threads.emplace_back([&, i] {
            if (!Push(folder / Name(3 + (i * 5) % 12))) ++failures;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
    for (uint64_t i = 0; i < 12; ++i) EXPECT_FALSE(Index(Name(3 + i)).head_unknown()) << i;
}

TEST_F(WalPushTest, Push_HistoryFiles_Checked) {
    Must(Push(Put("00000002.history", base::AsBytes("1\t0/3000000\tno recovery target\n"))));
    EXPECT_EQ(Must(repo::WalArchive(repository.incarnation()).ReadHistory({2})),
              "1\t0/3000000\tno recovery target\n");
    EXPECT_FALSE(Push(Put("00000003.history", base::AsBytes("nonsense\n"))));
}

TEST_F(WalPushTest, Push_BackupHistoryFiles_Checked) {
    const std::string name = Name(3) + ".00000028.backup";
    Must(Push(Put(name, base::AsBytes("START WAL LOCATION: 0/300028 (file x)\n"))));
    EXPECT_EQ(Push(Put(Name(4) + ".00000028.backup", base::AsBytes("x"))).error().code,
              ErrorCode::kInvalidArgument);
}

TEST_F(WalPushTest, Push_PartialSegment_MayEndEarly) {
    const wal::WalBuilder builder = ManySegments(2);
    const std::string name = Name(4) + ".partial";
    Must(Push(Put(name, builder.Segment(1))));
    EXPECT_EQ(Index(name).scan_problem(), "");
}

TEST_F(WalPushTest, Push_Cancelled_ArchivesNothing) {
    const std::string path = Put(Name(3), ManySegments(2).Segment(0));
    context.cancel.Cancel();
    EXPECT_EQ(Push(path).error().code, ErrorCode::kCancelled);
}

class WalFolderTest : public WalPushTest {
   protected:
    // pg_wal of a server that stopped in the third segment, with two recycled ones behind it.
    void SetUp() override {
        const wal::WalBuilder builder = ManySegments(3);
        for (uint64_t i = 0; i < 3; ++i) PutWal(Name(3 + i), builder.Segment(i));
        PutWal(Name(6), builder.Segment(0));
        PutWal(Name(7), base::Bytes(test::kTestSegmentBytes));
        PutWal("archive_status/" + Name(3) + ".ready", {});
    }
    void PutWal(const std::string& name, base::ByteView content) { Put("pg_wal/" + name, content); }
    base::SegmentId Unfinished() const {
        return *base::SegmentId::Parse(Name(5), test::kTestSegmentBytes);
    }
    base::Result<FolderPush> PushFolder() {
        return PushWalFolder(pusher, folder / "pg_wal", context.get());
    }
    bool Has(const std::string& name) {
        return Must(
            repo::WalArchive(repository.incarnation()).Exists(*base::WalFileName::Parse(name)));
    }
};

TEST_F(WalFolderTest, PushWalFolder_DeadServer_SavesTheUnfinishedSegmentToo) {
    const FolderPush pushed = Must(PushFolder());
    EXPECT_EQ(pushed.archived, 3u);
    EXPECT_EQ(pushed.left, Name(5));
    EXPECT_TRUE(pushed.left_saved_to.IsValid());
    EXPECT_TRUE(Has(Name(3)) && Has(Name(4)));
    const auto saved = Must(UnfinishedWal(repository.incarnation()).Read(Unfinished()));
    ASSERT_TRUE(saved);
    EXPECT_EQ(saved->end, pushed.left_saved_to);
    EXPECT_EQ(saved->content, ManySegments(3).Segment(2));
    EXPECT_FALSE(Has(Name(5)) || Has(Name(5) + ".partial") || Has(Name(6)) || Has(Name(7)));
    const FolderPush again = Must(PushFolder());
    EXPECT_EQ(again.archived, 0u);
    EXPECT_EQ(again.already_there, 3u);
}

TEST_F(WalFolderTest, PushWalFolder_RunningServer_LeavesTheUnfinishedSegment) {
    Put("postmaster.pid", base::AsBytes(std::to_string(getpid()) + "\n"));
    const FolderPush pushed = Must(PushFolder());
    EXPECT_EQ(pushed.archived, 2u);
    EXPECT_EQ(pushed.left, Name(5));
    EXPECT_FALSE(pushed.left_saved_to.IsValid());
    EXPECT_FALSE(Must(UnfinishedWal(repository.incarnation()).Read(Unfinished())));
}

TEST_F(WalFolderTest, PushWalFolder_FinishedByASwitch_LeavesNothing) {
    wal::WalBuilder builder = ManySegments(3);
    builder.Switch();
    PutWal(Name(5), builder.Segment(2));
    const FolderPush pushed = Must(PushFolder());
    EXPECT_EQ(pushed.archived, 3u);
    EXPECT_EQ(pushed.left, "");
    EXPECT_TRUE(Has(Name(5)));
}

TEST_F(WalFolderTest, PushWalFolder_OneBadFile_DoesNotStopTheOthers) {
    PutWal(Name(3), test::Noise(test::kTestSegmentBytes, 1));
    const auto pushed = PushFolder();
    ASSERT_FALSE(pushed);
    EXPECT_NE(pushed.error().ToString().find(Name(3)), std::string::npos);
    EXPECT_NE(pushed.error().detail.find("1 of 2"), std::string::npos) << pushed.error().detail;
    EXPECT_TRUE(Has(Name(4)));
}

// Its history says nothing of whose it is: a restore would follow a timeline that does not exist.
TEST_F(WalFolderTest, PushWalFolder_AnotherClusters_StoresNothing) {
    wal::BuilderOptions foreign = Options();
    foreign.system_identifier = test::kTestSystem + 1;
    foreign.timeline = 2;
    wal::WalBuilder builder(foreign);
    builder.Filler(5000);
    builder.Switch();
    PutWal("00000002.history", base::AsBytes("1\t0/3000000\tno recovery target specified\n"));
    const std::string history = folder / "pg_wal/00000002.history";
    EXPECT_TRUE(PushWalFile(pusher, history, context.get()));  // of our own: accepted
    ASSERT_EQ(unlink(history.c_str()), 0);
    PutWal("00000003.history", base::AsBytes("1\t0/3000000\tno recovery target specified\n"));
    PutWal(Name(3, 2), builder.Segment(0));
    for (const auto& refused :
         {PushFolder().error(),
          PushWalFile(pusher, folder / "pg_wal/00000003.history", context.get()).error()}) {
        EXPECT_EQ(refused.code, ErrorCode::kConflict) << refused.ToString();
        EXPECT_NE(refused.message.find(Name(3, 2)), std::string::npos) << refused.message;
        EXPECT_NE(refused.hint.find("Nothing was archived"), std::string::npos);
    }
    EXPECT_FALSE(Has("00000003.history") || Has(Name(3)) || Has(Name(3, 2)));
}

TEST_F(WalFolderTest, PushWalFolder_PgControlOfAnotherCluster_StoresNothing) {
    for (const char* name : {"000000010000000000000003", "000000010000000000000004",
                             "000000010000000000000005", "000000010000000000000006"})
        ASSERT_EQ(unlink((folder / ("pg_wal/" + std::string(name))).c_str()), 0);
    PutWal("00000002.history", base::AsBytes("1\t0/3000000\tno recovery target specified\n"));
    test::ControlFields fields;
    fields.system_identifier = test::kTestSystem + 1;
    Put("global/pg_control", test::MakeControlFile(fields));
    EXPECT_EQ(PushFolder().error().code, ErrorCode::kConflict);
    EXPECT_FALSE(Has("00000002.history"));
    Put("global/pg_control", test::MakeControlFile());
    EXPECT_TRUE(PushFolder());
    EXPECT_TRUE(Has("00000002.history"));
}

TEST_F(WalFolderTest, PushWalFolder_OfAClone_StoresNothing) {
    Put("agri_backup/role", base::AsBytes(R"({"role":"clone"})"));
    EXPECT_EQ(PushFolder().error().code, ErrorCode::kClusterState);
    EXPECT_FALSE(Has(Name(3)));
}

TEST_F(WalFolderTest, PushWalFolder_DataDirectoryInstead_NamesItsPgWal) {
    const auto pushed = PushWalFolder(pusher, folder.path(), context.get());
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(pushed.error().message.find("holds no WAL file"), std::string::npos);
    EXPECT_NE(pushed.error().hint.find(folder / "pg_wal"), std::string::npos)
        << pushed.error().hint;
}

TEST_F(WalFolderTest, PushWalFolder_NoFolder_SaysSo) {
    EXPECT_EQ(PushWalFolder(pusher, folder / "nowhere", context.get()).error().code,
              ErrorCode::kNotFound);
}

}  // namespace
}  // namespace agri::engine

// Files that change under the copy, zero runs, page checksums, many files through a bounded window.
#include "engine/backup_copy.hpp"

#include "engine/control_file.hpp"
#include "engine/test_cluster.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::Must;

constexpr std::string_view kId = test::kTestBackup;

class BackupCopyTest : public testing::Test {
   protected:
    // Copies, commits and reads back.
    test::ReadBackup Copy() {
        const engine::Context context = shared.get();
        plan = Must(PlanWalk(cluster.Facts(), control, *context.log));
        CopyOptions options{std::string(kId), test::kTestSeed, hooks};
        BackupCopy copy(repository.incarnation(), plan, &checker, failure, options, context);
        Must(copy.Run());
        const ControlImage image = Must(ReadControlImage(cluster.data(), context.cancel));
        Must(copy.AddLateFile({"global/pg_control", image.info, image.bytes, true}));
        Must(copy.AddLateFile({"backup_label", image.info, base::AsBytes("label")}));
        Must(copy.Finish());
        repo::format::ManifestHeader header = test::TestHeader();
        header.clear_roots();
        for (const WalkRoot& root : plan.roots) *header.add_roots() = root.root;
        Must(copy.Commit(header, {}));
        gone = copy.counters().gone;
        return test::ReadBack(repository.incarnation(), std::string(kId));
    }
    // Calls `change` once, when `path` of the data directory is at that point.
    std::function<void(const std::string&)> At(const std::string& path,
                                               std::function<void()> change) {
        return [this, path, change](const std::string& full) {
            if (full == std::filesystem::canonical(cluster.data()).string() + "/" + path) change();
        };
    }

    test::TestRepository repository;
    test::TestCluster cluster;
    test::TestContext shared;
    wal::ControlFile control = Must(wal::ParseControlFile(test::MakeControlFile()));
    WalkPlan plan;
    PageChecker checker{{8192, 131072, test::kStartLsn}};
    FirstError failure;
    CopyHooks hooks;
    uint64_t gone = 0;
};

TEST_F(BackupCopyTest, SmallFileVanishes_Skipped) {
    cluster.Write("base/5/16384", "soon gone");
    hooks.before_open = At("base/5/16384", [&] { unlink(cluster.Path("base/5/16384").c_str()); });
    EXPECT_FALSE(Copy().Has("base/5/16384"));
    EXPECT_EQ(gone, 1u);
}

TEST_F(BackupCopyTest, LargeFileVanishes_Skipped) {
    cluster.Write("base/5/16384", std::string(kRangeBytes + 1, 'x'));
    hooks.before_open = At("base/5/16384", [&] { unlink(cluster.Path("base/5/16384").c_str()); });
    EXPECT_FALSE(Copy().Has("base/5/16384"));
}

TEST_F(BackupCopyTest, LargeFileUnlinkedAfterOpen_IsCopiedWhole) {
    const std::string content(base::AsText(test::Noise(kRangeBytes + 4096, 3)));
    cluster.Write("base/5/16384", content);
    hooks.after_open = At("base/5/16384", [&] {
        unlink(cluster.Path("base/5/16384").c_str());
        cluster.Write("base/5/16384", "another relation");
    });
    EXPECT_TRUE(Copy().files.at("0:base/5/16384") == content);
}

TEST_F(BackupCopyTest, FileGrows_KeepsTheSizeAtOpen) {
    for (uint64_t size : {uint64_t{8192}, 3 * kChunkBytes, kRangeBytes + 8192}) {
        const std::string path = "base/5/" + std::to_string(20000 + size);
        cluster.Write(path, std::string(size, 'x'));
    }
    hooks.after_open = [&](const std::string& path) {
        if (path.find("/base/5/") == std::string::npos) return;
        std::filesystem::resize_file(path, std::filesystem::file_size(path) + 8192);
    };
    const test::ReadBackup backup = Copy();
    for (uint64_t size : {uint64_t{8192}, 3 * kChunkBytes, kRangeBytes + 8192}) {
        const std::string key = "0:base/5/" + std::to_string(20000 + size);
        EXPECT_TRUE(backup.files.at(key) == std::string(size, 'x')) << size;
    }
}

TEST_F(BackupCopyTest, FileShrinks_PaddedWithZeros) {
    const std::vector<uint64_t> sizes = {16384, 3 * kChunkBytes, kRangeBytes + 8192};
    for (uint64_t size : sizes)
        cluster.Write("base/5/" + std::to_string(20000 + size), std::string(size, 'x'));
    hooks.after_open = [&](const std::string& path) {
        if (path.find("/base/5/") != std::string::npos) std::filesystem::resize_file(path, 8192);
    };
    const test::ReadBackup backup = Copy();
    for (uint64_t size : sizes) {
        const std::string expected = std::string(8192, 'x') + std::string(size - 8192, '\0');
        EXPECT_TRUE(backup.files.at("0:base/5/" + std::to_string(20000 + size)) == expected)
            << size;
    }
}

TEST_F(BackupCopyTest, FileBecomesAPipe_SkippedWithoutBlocking) {
    cluster.Write("base/5/16384", "x");
    hooks.before_open = At("base/5/16384", [&] {
        unlink(cluster.Path("base/5/16384").c_str());
        ASSERT_EQ(mkfifo(cluster.Path("base/5/16384").c_str(), 0600), 0);
    });
    EXPECT_FALSE(Copy().Has("base/5/16384"));
}

TEST_F(BackupCopyTest, ZeroRuns_AreNotStored) {
    std::string content(5 * kChunkBytes + 100, '\0');
    content[2 * kChunkBytes + 5] = 'x';
    cluster.Write("base/5/16384", content);
    cluster.Write("base/5/16385", std::string(8192, '\0'));
    const test::ReadBackup backup = Copy();
    EXPECT_TRUE(backup.files.at("0:base/5/16384") == content);
    EXPECT_EQ(backup.files.at("0:base/5/16385"), std::string(8192, '\0'));
    auto manifest = Must(repo::ManifestReader::Open(repository.incarnation(), kId));
    const auto file = Must(manifest.FindFile(0, "base/5/16384"));
    ASSERT_EQ(file->extents.size(), 3u);
    EXPECT_FALSE(file->extents[0].chunk);
    EXPECT_EQ(file->extents[0].length, 2 * kChunkBytes);
    EXPECT_TRUE(file->extents[1].chunk);
    EXPECT_FALSE(file->extents[2].chunk);
}

TEST_F(BackupCopyTest, ManySmallFiles_GoThroughABoundedWindow) {
    for (int i = 0; i < 20000; ++i)
        cluster.Write("base/5/" + std::to_string(100000 + i), std::to_string(i));
    const test::ReadBackup backup = Copy();
    EXPECT_EQ(backup.files.at("0:base/5/119999"), "19999");
    EXPECT_TRUE(std::is_sorted(backup.order.begin(), backup.order.end()));
    EXPECT_GT(backup.files.size(), 20000u);
}

TEST_F(BackupCopyTest, BrokenPages_AreRecordedNotFatal) {
    auto page = [](uint32_t block, uint64_t lsn) {
        base::Bytes bytes = test::Noise(8192, block + 1);
        base::StoreLe(bytes.data(), static_cast<uint32_t>(lsn >> 32));
        base::StoreLe(bytes.data() + 4, static_cast<uint32_t>(lsn));
        base::StoreLe<uint16_t>(bytes.data() + 14, 8192);
        base::StoreLe(bytes.data() + 8, PageChecksum(bytes, block));
        return bytes;
    };
    std::string relation;
    for (uint32_t i = 0; i < 200; ++i) {
        // Segment 1 of the relation: its blocks count on from 131072.
        base::Bytes bytes = page(131072 + i, 0x1000000);
        if (i == 3 || i == 150) bytes[5000] ^= std::byte{4};
        if (i == 7) {  // written after the start: replay heals it
            bytes = page(131072 + i, test::kStartLsn.value + 8);
            bytes[5000] ^= std::byte{4};
        }
        if (i == 9) {  // an address that no WAL of this cluster has
            bytes = page(131072 + i, uint64_t{1} << 60);
            bytes[5000] ^= std::byte{4};
        }
        if (i == 11) bytes.assign(8192, std::byte{0});
        relation += base::AsText(bytes);
    }
    cluster.Write("base/5/16384.1", relation);
    cluster.Write("base/5/pg_filenode.map", std::string(8192, 'm'));
    cluster.Write("pg_xact/0001", std::string(8192, 'c'));
    EXPECT_TRUE(Copy().files.at("0:base/5/16384.1") == relation);

    const std::vector<PageProblem> problems = checker.TakeProblems(base::Lsn{0x3000000});
    ASSERT_EQ(problems.size(), 3u);
    EXPECT_EQ(problems[0].block, 131075u);
    EXPECT_EQ(problems[1].block, 131081u);
    EXPECT_EQ(problems[2].block, 131222u);
    EXPECT_EQ(problems[0].place.database, 5u);
    EXPECT_EQ(problems[0].place.file.number, 16384u);
    EXPECT_EQ(problems[0].path, "base/5/16384.1");
    EXPECT_EQ(checker.failures(), 3u);
    EXPECT_EQ(checker.pages_checked(), 200u);
}

TEST_F(BackupCopyTest, PageCaughtHalfWritten_IsReadAgain) {
    base::Bytes page = test::Noise(8192, 1);
    base::StoreLe<uint64_t>(page.data(), 0);
    base::StoreLe<uint16_t>(page.data() + 14, 8192);
    base::StoreLe(page.data() + 8, PageChecksum(page, 0));
    const std::string path = cluster.Path("base/5/16384");
    cluster.Write("base/5/16384", base::AsText(page));
    base::Bytes torn = page;
    std::fill(torn.begin() + 4096, torn.end(), std::byte{'o'});
    base::Fd fd = Must(base::OpenFile(path, O_RDONLY));
    const RelationPlace place{5, 1663, {16384}};
    checker.Check({place, 0, "base/5/16384", fd.get(), 0}, torn);
    EXPECT_EQ(torn, page);
    EXPECT_TRUE(checker.TakeProblems(base::Lsn{0x3000000}).empty());
}

TEST_F(BackupCopyTest, UnreadableFile_FailsNamingIt) {
    if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
    cluster.Write("base/5/16384", "x");
    chmod(cluster.Path("base/5/16384").c_str(), 0);
    const engine::Context context = shared.get();
    plan = Must(PlanWalk(cluster.Facts(), control, *context.log));
    BackupCopy copy(repository.incarnation(), plan, nullptr, failure,
                    {std::string(kId), test::kTestSeed, {}}, context);
    const base::Status done = copy.Run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kPermission);
    EXPECT_NE(done.error().message.find("16384"), std::string::npos);
}

TEST_F(BackupCopyTest, HookThrows_IsAnErrorNotACrash) {
    cluster.Write("base/5/16384", "x");
    hooks.before_open = At("base/5/16384", [] { throw std::runtime_error("thrown by the test"); });
    const engine::Context context = shared.get();
    plan = Must(PlanWalk(cluster.Facts(), control, *context.log));
    BackupCopy copy(repository.incarnation(), plan, nullptr, failure,
                    {std::string(kId), test::kTestSeed, hooks}, context);
    const base::Status done = copy.Run();
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("thrown by the test"), std::string::npos);
}

TEST_F(BackupCopyTest, CancelledInTheMiddle_StopsSoon) {
    cluster.Write("base/5/16384", std::string(4 * kRangeBytes, 'x'));
    hooks.after_open = At("base/5/16384", [&] { shared.cancel.Cancel(); });
    const engine::Context context = shared.get();
    plan = Must(PlanWalk(cluster.Facts(), control, *context.log));
    BackupCopy copy(repository.incarnation(), plan, nullptr, failure,
                    {std::string(kId), test::kTestSeed, hooks}, context);
    const base::Status done = copy.Run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
    EXPECT_LT(shared.progress.bytes_done, kRangeBytes);
}

TEST_F(BackupCopyTest, LeaseLostInTheMiddle_EndsTheCopy) {
    cluster.Write("base/5/16384", std::string(4 * kRangeBytes, 'x'));
    hooks.after_open = At("base/5/16384", [&] {
        failure.Set(base::MakeError(ErrorCode::kConflict, "the backup lost its lease"));
    });
    const engine::Context context = shared.get();
    plan = Must(PlanWalk(cluster.Facts(), control, *context.log));
    BackupCopy copy(repository.incarnation(), plan, nullptr, failure,
                    {std::string(kId), test::kTestSeed, hooks}, context);
    EXPECT_EQ(copy.Run().error().code, ErrorCode::kConflict);
}

TEST(CopyThreads, Memory_BoundsThem) {
    Settings settings;
    settings.parallel = 1;
    EXPECT_EQ(CopyThreads(settings), 1u);
    settings.parallel = 2;
    EXPECT_EQ(CopyThreads(settings), 3u);
    settings.parallel = 64;
    EXPECT_EQ(CopyThreads(settings), 28u);
    settings.compression_level = 19;
    EXPECT_EQ(CopyThreads(settings), 7u);
    settings.memory_limit_bytes = 1u << 20;
    EXPECT_EQ(CopyThreads(settings), 1u);
}

}  // namespace
}  // namespace agri::engine

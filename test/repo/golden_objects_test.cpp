// Objects of format 1 that make_golden.py wrote after docs/repository-format.md, without our code:
// claims, leases, runs of schedules and the tail, read by today's readers. What backups and WAL
// are made of is in golden_repository_test.cpp.
#include <gmock/gmock.h>

#include <fstream>

#include "base/file.hpp"
#include "repo/claim.hpp"
#include "repo/fixed_sealing.hpp"
#include "repo/lease.hpp"
#include "repo/repository_fixture.hpp"
#include "repo/schedule_run.hpp"
#include "repo/test_repository.hpp"
#include "repo/wal_tail.hpp"

namespace agri::repo {
namespace {

using testing::ElementsAre;

constexpr int64_t kGoldenNight = 1763863200000000;
constexpr std::string_view kGoldenBootId = "9f0c8a5e-0000-4000-8000-0123456789ab";
const base::SegmentId kUnfinished{{1}, 7};

class GoldenObjectsTest : public testing::Test, public test::RepositoryFixture {
   protected:
    void SetUp() override {
        for (const char* name : {"descriptor", "key_slot", "incarnation", "claim", "lease",
                                 "schedule_run", "tail_begin", "tail_first", "tail_second"}) {
            const test::Golden golden = test::ReadGolden(std::string("v1_") + name);
            disk->Overwrite(golden.key, golden.content);
        }
        std::ofstream(keys / "golden.key")
            << "agri_backup-key-1:" << base::ToHex(test::Counting<32>(0x40)) << "\n";
        std::filesystem::permissions(keys / "golden.key", std::filesystem::perms::owner_read);
        repository_ = test::Must(Open(Options("golden.key")));
        incarnation_ = std::make_unique<Incarnation>(
            test::Must(Incarnation::Open(*repository_, "main", kIdentity)));
    }
    static void ExpectGoldenClaim(const format::WriterClaim& claim) {
        EXPECT_EQ(claim.epoch(), 1u);
        EXPECT_EQ(base::ToHex(base::AsBytes(claim.claim_id())),
                  base::ToHex(test::Counting<16>(0xC0)));
        EXPECT_EQ(claim.host(), "db1");
        EXPECT_EQ(claim.machine_id(), "0123456789abcdef0123456789abcdef");
        EXPECT_EQ(claim.data_directory(), "/var/lib/postgresql/15/main");
        EXPECT_EQ(claim.data_directory_device(), 2049u);
        EXPECT_EQ(claim.data_directory_inode(), 1234567u);
        EXPECT_EQ(claim.timeline(), 1u);
        EXPECT_EQ(claim.created_us(), 1763843701000000);
        EXPECT_EQ(claim.reason(), "first");
        EXPECT_EQ(claim.boot_id(), kGoldenBootId);
    }

    std::unique_ptr<Repository> repository_;
    std::unique_ptr<Incarnation> incarnation_;
};

TEST_F(GoldenObjectsTest, Claim_IsInForce) {
    const auto current = test::Must(CurrentClaim(*incarnation_));
    ASSERT_TRUE(current);
    ExpectGoldenClaim(*current);
    EXPECT_EQ(test::Must(Lineage(*incarnation_)).size(), 1u);
}

TEST_F(GoldenObjectsTest, LocalClaim_IsTheSameMessage) {
    test::TemporaryFolder server;
    const test::Golden golden = test::ReadGolden("v1_local_claim");
    std::filesystem::create_directory(server / "agri_backup");
    ASSERT_TRUE(base::CreateFileExclusively(server / golden.key, golden.content, 0600));
    const auto claim = test::Must(LoadLocalClaim(server / "."));
    ASSERT_TRUE(claim);
    ExpectGoldenClaim(*claim);
    EXPECT_EQ(EncodeLocalClaim(*claim), base::AsText(golden.content));
}

TEST_F(GoldenObjectsTest, Lease_NamesItsHolder) {
    const auto holder = test::Must(LeaseGuard::Holder(*incarnation_, "backup"));
    ASSERT_TRUE(holder);
    EXPECT_EQ(holder->host(), "db1");
    EXPECT_EQ(holder->boot_id(), kGoldenBootId);
    EXPECT_EQ(holder->pid(), 4711);
    EXPECT_EQ(holder->pid_start_ticks(), 987654u);
    EXPECT_EQ(holder->since_us(), kGoldenNight);
    EXPECT_EQ(holder->time_to_live_ms(), 60000u);
    EXPECT_EQ(holder->purpose(), "full backup");
    EXPECT_FALSE(holder->released());
    LeaseOptions options;
    options.name = "backup";
    EXPECT_EQ(LeaseGuard::Acquire(*incarnation_, options, clock, random).error().code,
              base::ErrorCode::kBusy);
}

TEST_F(GoldenObjectsTest, ScheduleRun_IsTheLastOfItsSchedule) {
    const auto runs = test::Must(ListLastRuns(*incarnation_));
    ASSERT_EQ(runs.size(), 1u);
    const format::ScheduleRun& run = runs[0];
    EXPECT_EQ(run.schedule(), "nightly");
    EXPECT_EQ(run.scheduled_us(), kGoldenNight);
    EXPECT_EQ(run.state(), format::ScheduleRun::FAILED);
    EXPECT_EQ(run.attempt(), 2u);
    EXPECT_EQ(base::ToHex(base::AsBytes(run.run_id())), base::ToHex(test::Counting<16>(0)));
    EXPECT_EQ(run.host(), "db1");
    EXPECT_EQ(run.boot_id(), kGoldenBootId);
    EXPECT_EQ(run.pid(), 4711);
    EXPECT_EQ(run.pid_start_ticks(), 987654u);
    EXPECT_EQ(run.started_us(), kGoldenNight + 1);
    EXPECT_EQ(run.ended_us(), kGoldenNight + 2);
    EXPECT_EQ(run.backup_id(), "");
    EXPECT_EQ(run.error(), "no space \u2026");
    EXPECT_EQ(run.last_success_us(), kGoldenNight - 86400000000);
    EXPECT_EQ(run.last_backup_id(), "20251122T020000Z-full-0001");
    // What failed is over, the next night is not.
    EXPECT_TRUE(
        test::Must(ReasonNotToRun(*incarnation_, {"nightly", kGoldenNight, kGoldenNight + 9})));
    const int64_t next = kGoldenNight + 86400000000;
    EXPECT_FALSE(test::Must(ReasonNotToRun(*incarnation_, {"nightly", next, next})));
}

TEST_F(GoldenObjectsTest, Tail_JoinsItsPieces) {
    const WalTail tail(*incarnation_);
    EXPECT_THAT(test::Must(tail.Segments()), ElementsAre(kUnfinished));
    const auto part = test::Must(tail.Read(kUnfinished));
    ASSERT_TRUE(part);
    std::string expected;
    for (int i = 0; i < 100; ++i) expected += "begin";
    for (int i = 0; i < 100; ++i) expected += "and on";
    EXPECT_EQ(base::AsText(part->content), expected);
    EXPECT_EQ(part->epoch, 1u);
    EXPECT_EQ(part->host, "db1");
    EXPECT_EQ(part->shipped_us, kGoldenNight);
}

}  // namespace
}  // namespace agri::repo

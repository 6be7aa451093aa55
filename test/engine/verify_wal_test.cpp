// Verification of WAL, on two timelines that branch.
#include "engine/verify_fixture.hpp"

namespace agri::engine {
namespace {

class VerifyWalTest : public test::VerifyTest {
   protected:
    VerifyWalTest() { context.settings.parallel = 1; }
    test::TwoTimelines story{repository};
};

TEST_F(VerifyWalTest, RunVerify_TwoTimelines_EverySegmentOnce) {
    EXPECT_EQ(Verify().wal_segments, 9u);  // 1: 0x20 to 0x25, 2: 0x24 to 0x26
    EXPECT_TRUE(findings.empty()) << Listed();
}

TEST_F(VerifyWalTest, RunVerify_HoleWithinABackup_IsAnError) {
    repository.disk->Erase(WalKey(0x22));
    ExpectFinding(WalKey(0x22));
    EXPECT_NE(Listed().find("000000010000000000000022 is missing"), std::string::npos) << Listed();
}

TEST_F(VerifyWalTest, RunVerify_HoleNearTheEnd_IsAWarning) {
    const std::string key = test::SegmentKey(repository.incarnation(), 2, 0x25);
    repository.disk->Erase(key);
    ExpectFinding(key, "warning");
}

TEST_F(VerifyWalTest, RunVerify_DamageOnATimelineThatWasLeft_IsNamed) {
    repository.disk->Overwrite(WalKey(0x25), base::Bytes(200));
    ExpectFinding(WalKey(0x25));
    EXPECT_EQ(findings.size(), 1u) << Listed();
}

TEST_F(VerifyWalTest, RunVerify_HoleOnATimelineThatWasLeft_EndsIt) {
    repository.disk->Erase(WalKey(0x24));
    EXPECT_EQ(Verify().wal_segments, 7u);
    EXPECT_TRUE(findings.empty()) << Listed();
}

TEST_F(VerifyWalTest, RunVerify_DamagedPartialSegment_IsNamed) {
    const std::string key = repository.incarnation().keys().Wal(
        *base::WalFileName::Parse("000000010000000000000026.partial"));
    repository.disk->Overwrite(key, base::Bytes(200));
    ExpectFinding(key);
}

TEST_F(VerifyWalTest, RunVerify_DamagedGapDeclaration_IsNamed) {
    const auto& keys = repository.incarnation().keys();
    repository.disk->Overwrite(keys.Gap({1}, base::Lsn{0x2200000}), base::Bytes(200));
    ExpectFinding(keys.GapFolder({1}));
}

TEST_F(VerifyWalTest, RunVerify_DamagedHistoryFile_IsNamed) {
    const std::string key =
        repository.incarnation().keys().Wal(*base::WalFileName::Parse("00000002.history"));
    repository.disk->Overwrite(key, base::Bytes(200));
    ExpectFinding(key);
}

}  // namespace
}  // namespace agri::engine

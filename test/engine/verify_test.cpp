// Verification: a sound repository has no findings, and each kind of damage to each kind of object
// is a finding that names it.
#include "engine/verify_fixture.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::Must;
using test::VerifyTest;

TEST_F(VerifyTest, RunVerify_NoBackup_IsAFinding) {
    ExpectFinding(repository.incarnation().keys().BackupFolder());
}

TEST_F(VerifyTest, RunVerify_SoundRepository_FindsNothing) {
    Backup();
    for (VerifyLevel level : {VerifyLevel::kObjects, VerifyLevel::kContents}) {
        verify.level = level;
        const VerifySummary summary = Verify();
        EXPECT_TRUE(findings.empty()) << Listed();
        EXPECT_EQ(summary.backups, 1u);
        EXPECT_EQ(summary.packs, PackKeys().size());
        EXPECT_EQ(summary.wal_segments, 2u);
        EXPECT_EQ(summary.Outcome(), "all sound");
        EXPECT_TRUE(summary.Checked().starts_with("1 backup, ")) << summary.Checked();
        EXPECT_TRUE(summary.Checked().ends_with(", 2 WAL segments")) << summary.Checked();
    }
    EXPECT_EQ(context.progress.phase(), "done");
}

// Kinds of damage, applied to one object.
enum class Damage { kFlipped, kCut, kSwapped, kMissing };

class VerifyDamageTest : public VerifyTest, public testing::WithParamInterface<Damage> {
   protected:
    void Apply(const std::string& key, const std::string& other) {
        base::Bytes content = repository.Content(key);
        switch (GetParam()) {
            case Damage::kFlipped:
                // The first byte of frame 0's body. A restore reads that frame of every pack, and
                // the body of a small chunk may be few bytes long: beyond it lies the footer, which
                // no restore reads.
                content[repo::kObjectHeaderBytes + repo::kFrameHeaderBytes] ^= std::byte{0x10};
                repository.disk->Overwrite(key, content);
                break;
            case Damage::kCut:
                content.resize(content.size() - 100);
                repository.disk->Overwrite(key, content);
                break;
            case Damage::kSwapped:
                repository.disk->Overwrite(key, repository.Content(other));
                break;
            case Damage::kMissing:
                repository.disk->Erase(key);
                break;
        }
    }
};

TEST_P(VerifyDamageTest, RunVerify_Pack_IsNamedAndNeverRestored) {
    const std::string id = Backup();
    const std::vector<std::string> packs = PackKeys();
    ASSERT_GE(packs.size(), 2u);
    for (size_t i = 0; i < packs.size(); ++i) {
        const base::Bytes sound = repository.Content(packs[i]);
        Apply(packs[i], packs[(i + 1) % packs.size()]);
        ExpectFinding(packs[i]);
        // At this level, a flipped bit in the middle of a pack cannot be seen.
        verify.level = VerifyLevel::kObjects;
        if (GetParam() != Damage::kFlipped) ExpectFinding(packs[i]);
        verify.level = VerifyLevel::kContents;
        request.target_directory = place / fmt::format("damaged{}", i);
        const auto restored = Run();
        ASSERT_FALSE(restored);
        EXPECT_EQ(restored.error().code, ErrorCode::kCorrupt) << restored.error().ToString();
        EXPECT_NE(restored.error().ToString().find(packs[i]), std::string::npos)
            << restored.error().ToString();
        EXPECT_FALSE(Exists(Restored("global/pg_control")));
        repository.disk->Overwrite(packs[i], sound);
    }
    Verify();
    EXPECT_TRUE(findings.empty()) << Listed();
}

TEST_P(VerifyDamageTest, RunVerify_Manifest_IsNamedAndNeverRestored) {
    const std::string id = Backup();
    context.clock.Advance(std::chrono::seconds(5));
    cluster.Write("base/5/17000", "more");
    const std::string other = Backup();
    Apply(ManifestKey(id), ManifestKey(other));
    for (VerifyLevel level : {VerifyLevel::kObjects, VerifyLevel::kContents}) {
        verify.level = level;
        if (GetParam() == Damage::kMissing) continue;
        ExpectFinding(ManifestKey(id));
    }
    request.backup_id = id;
    const auto restored = Run();
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code,
              GetParam() == Damage::kMissing ? ErrorCode::kNotFound : ErrorCode::kCorrupt)
        << restored.error().ToString();
    EXPECT_FALSE(Exists(request.target_directory));
    request.backup_id = other;
    Must(Run());
}

TEST_P(VerifyDamageTest, RunVerify_WalOfTheBackup_IsNamed) {
    Backup();
    Apply(WalKey(0x21), WalKey(0x20));
    ExpectFinding(WalKey(0x21));
    verify.level = VerifyLevel::kObjects;
    // Its index lies at its beginning.
    if (GetParam() == Damage::kSwapped || GetParam() == Damage::kMissing)
        ExpectFinding(WalKey(0x21));
}

INSTANTIATE_TEST_SUITE_P(Kinds, VerifyDamageTest,
                         testing::Values(Damage::kFlipped, Damage::kCut, Damage::kSwapped,
                                         Damage::kMissing));

TEST_F(VerifyTest, RunVerify_BackupFolderWithoutManifest_IsAFinding) {
    const std::string id = Backup();
    repository.disk->Overwrite(repository.incarnation().keys().BackupFolder() + id + "/other",
                               base::Bytes(1));
    repository.disk->Erase(ManifestKey(id));
    ExpectFinding(ManifestKey(id));
}

TEST_F(VerifyTest, RunVerify_OneBackup_LeavesTheOthersAlone) {
    const std::string id = Backup();
    context.clock.Advance(std::chrono::seconds(5));
    const std::string other = Backup();
    repository.disk->Overwrite(ManifestKey(other), base::Bytes(100));
    verify.backup_id = id;
    EXPECT_EQ(Verify().backups, 1u);
    EXPECT_TRUE(findings.empty()) << Listed();
    verify.backup_id = "20200101T000000Z-full-0000";
    EXPECT_EQ(RunVerify(repository.incarnation(), verify, {}, context.get()).error().code,
              ErrorCode::kNotFound);
}

TEST_F(VerifyTest, RunVerify_ForgottenIntent_IsAWarning) {
    Backup();
    repo::format::BackupIntent intent;
    intent.set_backup_id("20261101T000000Z-full-beef");
    intent.set_host("db1");
    intent.set_since_us(context.clock.Now().time_since_epoch().count());
    Must(repo::PutIntent(repository.incarnation(), intent));
    Verify();
    EXPECT_TRUE(findings.empty()) << Listed();
    context.clock.Advance(std::chrono::hours(25));
    ExpectFinding(repository.incarnation().keys().Intent(intent.backup_id()), "warning");
}

TEST_F(VerifyTest, RunVerify_StorageDown_IsAnErrorAndNoFinding) {
    Backup();
    test::Fault fault;
    fault.operation = test::Operation::kOpen;
    fault.key_contains = "/packs/";
    repository.disk->Fail(fault);
    const auto summary = RunVerify(
        repository.incarnation(), verify, [&](const Finding& f) { findings.push_back(f); },
        context.get());
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, ErrorCode::kUnavailable);
    EXPECT_TRUE(findings.empty()) << Listed();
}

}  // namespace
}  // namespace agri::engine

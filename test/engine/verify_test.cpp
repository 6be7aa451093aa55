// Verification: a sound repository has no findings, and each kind of damage to each kind of object
// is a finding that names it.
#include "engine/verify.hpp"

#include "engine/restore_fixture.hpp"
#include "engine/test_archive.hpp"

namespace agri::engine {
namespace {

using base::ErrorCode;
using test::Must;

class VerifyTest : public test::RestoreFixture {
   protected:
    VerifySummary Verify() {
        findings.clear();
        return Must(RunVerify(
            repository.incarnation(), verify, [&](const Finding& f) { findings.push_back(f); },
            context.get()));
    }
    void ExpectFinding(const std::string& object, std::string_view severity = "error") {
        const VerifySummary summary = Verify();
        EXPECT_EQ(summary.findings, findings.size());
        bool is_named = false;
        for (const Finding& finding : findings)
            is_named |= finding.object == object && finding.severity == severity &&
                        !finding.problem.empty() && !finding.hint.empty() &&
                        finding.hint.find("agri_backup verify") == std::string::npos;
        EXPECT_TRUE(is_named) << object << " is not among " << Listed();
    }
    std::string Listed() const {
        std::string text;
        for (const Finding& finding : findings)
            text += fmt::format("\n{} {} {}: {}", finding.severity, finding.backup_id,
                                finding.object, finding.problem);
        return text;
    }
    std::string ManifestKey(const std::string& id) const {
        return repository.incarnation().keys().Manifest(id);
    }
    std::vector<std::string> PackKeys() const {
        return repository.Keys(repository.incarnation().keys().PackFolder());
    }
    std::string WalKey(uint64_t number) const {
        return test::SegmentKey(repository.incarnation(), 1, number);
    }

    VerifyRequest verify;
    std::vector<Finding> findings;
};

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

class VerifyWalTest : public VerifyTest {
   protected:
    VerifyWalTest() { context.settings.parallel = 1; }
    test::TwoTimelines story{repository};
};

TEST_F(VerifyWalTest, RunVerify_TwoTimelines_EverySegmentOnce) {
    EXPECT_EQ(Verify().wal_segments, 7u);  // 1: 0x20 to 0x23, 2: 0x24 to 0x26
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

TEST_F(VerifyWalTest, RunVerify_DamagedHistoryFile_IsNamed) {
    const std::string key =
        repository.incarnation().keys().Wal(*base::WalFileName::Parse("00000002.history"));
    repository.disk->Overwrite(key, base::Bytes(200));
    ExpectFinding(key);
}

}  // namespace
}  // namespace agri::engine

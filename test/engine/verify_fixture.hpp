// Verifying a repository and looking for a finding.
#pragma once

#include "engine/restore_fixture.hpp"
#include "engine/test_archive.hpp"
#include "engine/verify.hpp"

namespace agri::test {

class VerifyTest : public RestoreFixture {
   protected:
    engine::VerifySummary Verify() {
        findings.clear();
        return Must(engine::RunVerify(
            repository.incarnation(), verify,
            [&](const engine::Finding& f) { findings.push_back(f); }, context.get()));
    }
    void ExpectFinding(const std::string& object, std::string_view severity = "error") {
        const engine::VerifySummary summary = Verify();
        EXPECT_EQ(summary.findings, findings.size());
        bool is_named = false;
        for (const engine::Finding& finding : findings)
            is_named |= finding.object == object && finding.severity == severity &&
                        !finding.problem.empty() && !finding.hint.empty() &&
                        finding.hint.find("agri_backup verify") == std::string::npos;
        EXPECT_TRUE(is_named) << object << " is not among " << Listed();
    }
    std::string Listed() const {
        std::string text;
        for (const engine::Finding& finding : findings)
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
        return SegmentKey(repository.incarnation(), 1, number);
    }

    engine::VerifyRequest verify;
    std::vector<engine::Finding> findings;
};

}  // namespace agri::test

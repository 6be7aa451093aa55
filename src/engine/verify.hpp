// Verification: every object that a restore of a backup needs, its WAL range included, is present
// and authentic. Damage is a finding, not an error: an error means that verifying itself was
// impossible.
#pragma once

#include <functional>
#include <string>

#include "engine/context.hpp"
#include "repo/catalog.hpp"

namespace agri::engine {

enum class VerifyLevel {
    kObjects,   // presence, sizes, manifests, WAL ranges and their indexes
    kContents,  // and every byte of every pack and WAL object
};

struct Finding {
    std::string backup_id;  // empty: concerns no single backup
    std::string object;     // key within the repository
    std::string severity;   // "error", "warning"
    std::string problem;
    std::string hint;
};

struct VerifyRequest {
    std::string backup_id;  // empty: every backup
    VerifyLevel level = VerifyLevel::kContents;
};

struct VerifySummary {
    uint64_t backups = 0, packs = 0, wal_segments = 0, bytes = 0, findings = 0;

    // "1 backup, 4 packs, 2 WAL segments", and "all sound" or "3 findings".
    std::string Checked() const;
    std::string Outcome() const;
};

base::Result<VerifySummary> RunVerify(const repo::Incarnation& incarnation,
                                      const VerifyRequest& request,
                                      const std::function<void(const Finding&)>& on_finding,
                                      const Context& context);

}  // namespace agri::engine

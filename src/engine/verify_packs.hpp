// Verifies packs: each once, however many backups rest on it.
#pragma once

#include <map>

#include "engine/verify_report.hpp"
#include "repo/manifest.hpp"

namespace agri::engine {

// The packs of several backups. Not thread-safe while it is filled.
class PackCollection {
   public:
    explicit PackCollection(const repo::Incarnation& incarnation)
        : incarnation_(incarnation), store_(incarnation) {}

    // Takes over the pack table of one backup. Contradicting references are findings.
    base::Status Add(const std::string& backup_id, const repo::PackStore& packs,
                     VerifyReport& report);
    // Looks at every pack, in parallel.
    base::Status Verify(VerifyLevel level, VerifyReport& report, const Context& context) const;
    uint64_t size() const { return backup_of_.size(); }
    uint64_t bytes() const { return bytes_; }

   private:
    base::Status VerifyOne(const repo::PackId& pack, const std::string& backup_id,
                           VerifyLevel level, VerifyReport& report) const;

    const repo::Incarnation& incarnation_;
    repo::PackStore store_;
    std::map<repo::PackId, std::string> backup_of_;  // the first one that names it
    uint64_t bytes_ = 0;
};

}  // namespace agri::engine

// The writer claim: which server may write to an incarnation. The highest epoch in the repository
// is in force; the claiming server keeps its claim id in a file that no backup contains.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "repo/repository.hpp"

namespace agri::repo {

struct ClaimantIdentity {
    std::string host;
    std::string machine_id;
    std::string data_directory;
    uint64_t device = 0;  // only comparable while boot_id is the same
    uint64_t inode = 0;
    std::string boot_id;
};

// Identity of a data directory on this machine; its path with links resolved.
base::Result<ClaimantIdentity> IdentifyDataDirectory(const std::string& data_directory);

base::Result<std::optional<format::WriterClaim>> CurrentClaim(const Incarnation& incarnation);
// Every claim there ever was, oldest first.
base::Result<std::vector<format::WriterClaim>> Lineage(const Incarnation& incarnation);
// Puts the claim at `epoch` (the current one plus one); kConflict when another won it. The local
// side is the caller's to save.
base::Result<format::WriterClaim> TakeClaim(const Incarnation& incarnation, uint64_t epoch,
                                            const ClaimantIdentity& claimant,
                                            base::TimelineId timeline, std::string_view reason,
                                            const base::Clock& clock, base::Random& random);

// The local side: a file "agri_backup/claim" in the data directory, excluded from backups.
base::Result<std::optional<format::WriterClaim>> LoadLocalClaim(const std::string& data_directory);
// The content of that file, for whoever writes it by other means (restore does, as the files'
// owner).
std::string EncodeLocalClaim(const format::WriterClaim& claim);
base::Status SaveLocalClaim(const std::string& data_directory, const format::WriterClaim& claim);

// Takes the next epoch and saves it locally, whoever holds the claim now: what `agri_backup adopt`
// does on an operator's word, and restore for the server that it restored. A crash in between is
// made good by EnsureClaim. kConflict when another took an epoch at the same moment.
base::Result<format::WriterClaim> AdoptClaim(const Incarnation& incarnation,
                                             const std::string& data_directory,
                                             base::TimelineId timeline, std::string_view reason,
                                             const base::Clock& clock, base::Random& random);

// What a server that wants to write must do first: with a claim in force that is its own (same
// claim id and same data-directory identity) OK; without any claim it takes the first; after a
// promotion it takes the next epoch by compare-and-set; everything else is kConflict, naming the
// holder and `agri_backup adopt`. It was promoted when its timeline is newer than the claim's and
// its local claim is the one in force, or an earlier one while its timeline branches off that of
// the claim in force: a standby that followed a promotion has not seen the claim of it.
base::Result<format::WriterClaim> EnsureClaim(const Incarnation& incarnation,
                                              const std::string& data_directory,
                                              base::TimelineId timeline, const base::Clock& clock,
                                              base::Random& random);

}  // namespace agri::repo

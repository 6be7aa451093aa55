// The pending half of the local claim (claim.hpp has the settled one): written before the claim is
// put into the repository, so that a crash in between leaves the server able to recognise its own
// claim.
#pragma once

#include "repo/claim.hpp"

namespace agri::repo {

// nullopt when there is none; kCorrupt names the file.
base::Result<std::optional<format::WriterClaim>> LoadPendingClaim(
    const std::string& data_directory);
// Durable on return.
base::Status SavePendingClaim(const std::string& data_directory, const format::WriterClaim& claim);
// A leftover does no harm: it only counts while the repository's claim in force is the same.
base::Status RemovePendingClaim(const std::string& data_directory);

}  // namespace agri::repo

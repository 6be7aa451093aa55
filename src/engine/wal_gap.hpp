// An operator's word that WAL is lost for good: it counts only for WAL that is missing.
#pragma once

#include "engine/context.hpp"

namespace agri::engine {

// kInvalidArgument without a reason, for a timeline that the archive does not know, and for WAL
// that is archived or of which the archive expects nothing yet. Durable on return; the same again
// is success.
base::Status DeclareGap(const repo::Incarnation& incarnation, const repo::format::DeclaredGap& gap);

}  // namespace agri::engine

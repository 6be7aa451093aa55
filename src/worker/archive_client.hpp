// Speaking to the archiving process of the current data directory, over its socket.
#pragma once

#include <string>

#include "base/file.hpp"

namespace agri::worker {

// Sends one message without fields and returns the connection, which does not block; empty when
// nobody listens or not all of it could be sent. `kind`: "QUIT", "REFRESH".
base::Fd TellArchivingProcess(const std::string& kind);

// It need not wait for its next try to learn that there is a repository now: nothing is lost when
// nobody listens.
void HurryArchiving();

}  // namespace agri::worker

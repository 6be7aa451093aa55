// A word to the archiving process from another one of this server.
#pragma once

namespace agri::worker {

// The archiving process need not wait for its next try to learn that there is a repository now.
void HurryArchiving();

}  // namespace agri::worker

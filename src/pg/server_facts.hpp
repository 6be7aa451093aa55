// What a manifest records about the server, gathered for a job process.
#pragma once

namespace agri::pg {

class Channel;

// Begins and fills the answer FACTS, without ending it. Inside a transaction; may raise errors.
void AddServerFacts(Channel* channel);

}  // namespace agri::pg

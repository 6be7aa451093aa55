// Is a PostgreSQL server at work in a data directory? Asked before anything in it is touched, and
// answered from several sides, because a lock file alone proves little: it may be left over, or
// removed under a running server.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "repo/claim.hpp"

namespace agri::engine {

// kClusterState, naming the process or the socket, when a server (or what a dead one left behind
// and still writes) uses the directory; OK when it is certainly or most likely free.
base::Status CheckNoServer(const std::string& data_directory);

// Of every server process that can be looked at: other users' cannot, unless this is root.
base::Result<std::vector<std::string>> RunningDataDirectories();

// As CheckNoServer() for the server that holds a claim, with a hint of what to do when it runs. OK
// also when it is of another machine, where it cannot be looked for.
base::Status CheckWriterStopped(const repo::format::WriterClaim& writer, std::string hint);

// The same, for who takes that server's place from a data directory of its own: OK also when that
// is the writer's.
base::Status CheckOtherWriterStopped(const repo::format::WriterClaim& writer,
                                     const std::string& data_directory, std::string hint);

}  // namespace agri::engine

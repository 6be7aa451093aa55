// What is left of a server when one asks whether it runs: its socket and its lock files.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <stdexcept>
#include <string>

#include "engine/test_cluster.hpp"

namespace agri::test {

// Accepts connections where a server of the cluster would, and leaves its lock files.
class Listener {
   public:
    explicit Listener(TestCluster& cluster) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
        const std::string path = folder_ / ".s.PGSQL.5432";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
            listen(fd_.get(), 1) != 0)
            throw std::runtime_error("no socket: " + path);
        TestCluster::WriteFile(path + ".lock", "0\n" + cluster.data() + "\n");
        cluster.Write("postmaster.pid",
                      "0\n" + cluster.data() + "\n0\n5432\n" + std::string(folder_.path()) + "\n");
    }

   private:
    TemporaryFolder folder_;
    base::Fd fd_;
};

}  // namespace agri::test

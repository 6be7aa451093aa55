// Nothing is lost when nobody listens: the archiving process tries again by itself.
#include "worker/hurry_archiving.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/file.hpp"
#include "base/wire.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

void HurryArchiving() {
    base::Fd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, kSocketPath, sizeof(address.sun_path) - 1);
    if (!connection ||
        connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return;
    const std::string refresh = base::wire::Encode(base::wire::Message("REFRESH"));
    if (send(connection.get(), refresh.data(), refresh.size(), MSG_NOSIGNAL) < 0) return;
    pollfd polled{connection.get(), POLLIN, 0};
    poll(&polled, 1, 5000);
}

}  // namespace agri::worker

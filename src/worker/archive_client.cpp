#include "worker/archive_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/wire.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

base::Fd TellArchivingProcess(const std::string& kind) {
    base::Fd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, kSocketPath, sizeof(address.sun_path) - 1);
    if (!connection ||
        connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return {};
    const std::string bytes = base::wire::Encode(base::wire::Message(kind));
    if (send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size()))
        return {};
    return connection;
}

void HurryArchiving() {
    const base::Fd connection = TellArchivingProcess("REFRESH");
    if (!connection) return;
    pollfd polled{connection.get(), POLLIN, 0};
    poll(&polled, 1, 5000);
}

}  // namespace agri::worker

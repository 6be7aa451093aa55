// The socket of the archiving process.
#include "worker/archive_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace agri::worker {

using base::ErrorCode;
using base::Status;

namespace {

constexpr size_t kMostClients = 64;
constexpr MessageChannel::Limits kClientLimits{.input_bytes = 64u << 10,
                                               .output_bytes = 256u << 10};

bool IsSameUser(int socket) {
    ucred peer{};
    socklen_t length = sizeof(peer);
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           peer.uid == geteuid();
}

base::Fd SpareDescriptor() { return base::Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Status ArchiveServer::Listen(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return base::MakeError(ErrorCode::kInternal, "socket path \"{}\" is too long", path);
    path.copy(address.sun_path, path.size());
    base::Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener) return base::ErrnoError(errno, "could not create a socket");
    unlink(path.c_str());
    if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return base::ErrnoError(errno, fmt::format("could not bind socket \"{}\"", path));
    // The folder is 0700 anyway.
    if (chmod(path.c_str(), 0600) != 0)
        return base::ErrnoError(errno, fmt::format("could not restrict socket \"{}\"", path));
    if (listen(listener.get(), kMostClients) != 0)
        return base::ErrnoError(errno, fmt::format("could not listen on \"{}\"", path));
    listener_ = std::move(listener);
    path_ = path;
    spare_ = SpareDescriptor();
    return {};
}

void ArchiveServer::StopListening() {
    if (!listener_) return;
    unlink(path_.c_str());
    listener_.Reset();
}

void ArchiveServer::AddTo(std::vector<pollfd>& polled) const {
    // Who knocks while there is no descriptor for him would keep the loop awake for nothing.
    polled.push_back({listener_.get(), static_cast<short>(spare_ ? POLLIN : 0), 0});
    for (const auto& [id, channel] : clients_) {
        short events = channel.HasOutput() ? POLLIN | POLLOUT : POLLIN;
        polled.push_back({channel.fd(), events, 0});
    }
}

std::vector<ClientRequest> ArchiveServer::Serve(const pollfd* first, const pollfd* last) {
    std::vector<ClientRequest> requests;
    const bool knocked = first->revents != 0;
    auto client = clients_.begin();
    for (const pollfd* polled = first + 1; polled != last; ++polled) {
        bool keep = true;
        if (polled->revents & POLLOUT) keep = client->second.Flush().has_value();
        if (keep && (polled->revents & (POLLIN | POLLHUP | POLLERR)))
            keep = ReceiveFrom(client->first, client->second, requests);
        client = keep ? std::next(client) : clients_.erase(client);
    }
    if (knocked) Accept();
    if (!spare_) spare_ = SpareDescriptor();
    return requests;
}

bool ArchiveServer::ReceiveFrom(ClientId id, MessageChannel& channel,
                                std::vector<ClientRequest>& requests) {
    const bool open = channel.Receive().has_value();
    while (true) {
        auto message = channel.Next();
        if (!message) {
            log_->warn("dropped a client of {}: {}", path_, message.error().message);
            return false;
        }
        if (!*message) return open;
        requests.push_back({id, std::move(**message)});
    }
}

void ArchiveServer::Accept() {
    while (listener_) {
        base::Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!socket) {
            const int error_number = errno;
            if (error_number == EINTR || error_number == ECONNABORTED) continue;
            if ((error_number != EMFILE && error_number != ENFILE) || !spare_) return;
            log_->warn("no descriptor is left for clients of {}: {}", path_,
                       strerror(error_number));
            spare_.Reset();
            continue;
        }
        if (!IsSameUser(socket.get())) {
            log_->warn("refused a client of {}: it runs as another user", path_);
            continue;
        }
        if (clients_.size() >= kMostClients) continue;
        clients_.emplace(next_client_++, MessageChannel(std::move(socket), kClientLimits));
    }
}

void ArchiveServer::Reply(ClientId client, const Message& message) {
    auto found = clients_.find(client);
    if (found == clients_.end()) return;
    if (auto sent = found->second.Send(message); !sent) clients_.erase(found);
}

}  // namespace agri::worker

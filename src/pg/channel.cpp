// See channel.hpp. The buffers are bounded: a message by kMaxMessageBytes, the queue by
// kMaxQueuedBytes.
#include "pg/channel.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>

namespace agri::pg {

namespace wire = base::wire;

namespace {

constexpr size_t kMaxQueuedBytes = 4 * static_cast<size_t>(wire::kMaxMessageBytes);

bool PeerIsSameUser(int fd) {
    ucred peer{};
    socklen_t length = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

// Connects without blocking; a unix socket is connected at once or not at all.
int ConnectTo(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    if (connected && PeerIsSameUser(fd)) return fd;
    int error_number = connected ? EPERM : errno;
    close(fd);
    errno = error_number;
    return -1;
}

}  // namespace

Channel* Channel::Create(int fd) noexcept {
    auto* channel = new (std::nothrow) Channel(fd);
    if (channel == nullptr) close(fd);
    return channel;
}

Channel* Channel::Connect(const char* path) noexcept {
    int fd = ConnectTo(path);
    if (fd < 0) return nullptr;
    Channel* channel = Create(fd);
    if (channel == nullptr) errno = ENOMEM;
    return channel;
}

void Channel::Destroy(Channel* channel) noexcept { delete channel; }

Channel::~Channel() { close(fd_); }

void Channel::Break(const char* problem) noexcept {
    broken_ = true;
    problem_ = problem;
}

Channel& Channel::Begin(const char* verb) noexcept {
    try {
        draft_ = wire::Message(verb);
    } catch (...) {
        Break("out of memory");
    }
    return *this;
}

Channel& Channel::Add(const char* key, const char* value) noexcept {
    try {
        draft_.Set(key, value);
    } catch (...) {
        Break("out of memory");
    }
    return *this;
}

Channel& Channel::Add(const char* key, long long value) noexcept {
    try {
        draft_.Set(key, std::to_string(value));
    } catch (...) {
        Break("out of memory");
    }
    return *this;
}

void Channel::End() noexcept {
    try {
        std::string bytes = wire::Encode(draft_);
        if (bytes.size() > wire::kMaxMessageBytes) return Break("message too large");
        if (output_.size() + bytes.size() > kMaxQueuedBytes) return Break("peer reads nothing");
        output_ += bytes;
    } catch (...) {
        return Break("out of memory");
    }
    Flush();
}

void Channel::Send(const char* verb) noexcept { Begin(verb).End(); }

void Channel::Flush() noexcept {
    while (WantsToWrite()) {
        ssize_t sent = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            output_.erase(0, static_cast<size_t>(sent));
        } else if (sent < 0 && errno == EINTR) {
            continue;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        } else {
            // What the peer said before it went is still to be read: Receive() meets the end by
            // itself.
            output_.clear();
        }
    }
}

// False when the socket has nothing more for now.
bool Channel::ReadAvailable() noexcept {
    std::array<char, 16384> bytes;
    ssize_t count = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
        try {
            input_.append(bytes.data(), static_cast<size_t>(count));
        } catch (...) {
            Break("out of memory");
        }
        return true;
    }
    if (count == 0 || (count < 0 && errno == ECONNRESET)) {
        peer_closed_ = true;
    } else if (errno == EINTR) {
        return true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
        Break("could not read from the socket");
    }
    return false;
}

ChannelEvent Channel::TakeMessage() noexcept {
    try {
        switch (wire::Decode(input_, message_)) {
            case wire::DecodeResult::kMessage:
                return ChannelEvent::kMessage;
            case wire::DecodeResult::kNeedMore:
                return ChannelEvent::kNothing;
            case wire::DecodeResult::kMalformed:
                Break("malformed message");
        }
    } catch (...) {
        Break("out of memory");
    }
    return ChannelEvent::kBroken;
}

ChannelEvent Channel::Receive() noexcept {
    if (!broken_) Flush();
    for (;;) {
        if (broken_) return ChannelEvent::kBroken;
        ChannelEvent event = TakeMessage();
        if (event != ChannelEvent::kNothing) return event;
        if (peer_closed_) return ChannelEvent::kClosed;
        if (!ReadAvailable() && !peer_closed_ && !broken_) return ChannelEvent::kNothing;
    }
}

const char* Channel::Get(const char* key) const noexcept { return message_.Get(key, "").data(); }

}  // namespace agri::pg

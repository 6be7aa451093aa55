// The other end of a worker's socket: speaks the control protocol and waits with deadlines.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "base/child.hpp"
#include "worker/message_channel.hpp"
#include "worker/process_setup.hpp"

namespace agri::test {

using worker::Message;

inline std::pair<base::Fd, base::Fd> SocketPair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::runtime_error("socketpair failed");
    return {base::Fd(ends[0]), base::Fd(ends[1])};
}

class Peer {
   public:
    explicit Peer(base::Fd socket) : channel_(std::move(socket), {}) {}
    static Peer Connect(const std::string& path) {
        base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
        if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
            throw std::runtime_error("could not connect to " + path);
        return Peer(std::move(socket));
    }

    void Send(const Message& message) {
        ASSERT_TRUE(channel_.Send(message).has_value());
        ASSERT_FALSE(channel_.HasOutput());
    }
    void SendBytes(std::string_view bytes) {
        ASSERT_EQ(send(channel_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    // The next message; one with the verb "(gone)" when the other side is gone, "(late)" when none
    // came in time.
    Message Next(int deadline_ms = kDeadlineMs) {
        auto message =
            worker::AwaitMessage(channel_, *never_, std::chrono::milliseconds(deadline_ms));
        if (message) return std::move(*message);
        bool late = message.error().message == "no message came in time";
        return Message(late ? "(late)" : "(gone)");
    }
    // The next message with that verb; others are skipped.
    Message Await(std::string_view verb) {
        while (true) {
            Message message = Next();
            if (message.verb == verb || message.verb[0] == '(') return message;
        }
    }
    // The next message that is not only a sign of life.
    Message Answer() {
        Message message = Next();
        while (message.verb == "WORKING") message = Next();
        return message;
    }
    int fd() const { return channel_.fd(); }

   private:
    std::unique_ptr<base::CancelToken> never_ = std::make_unique<base::CancelToken>();
    worker::MessageChannel channel_;
};

}  // namespace agri::test

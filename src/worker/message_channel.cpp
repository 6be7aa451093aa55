// Non-blocking framed messages. MSG_DONTWAIT rather than O_NONBLOCK: the flag belongs to the open
// socket, which the peer's process may share.
#include "worker/message_channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/version.hpp"

namespace agri::worker {

using base::ErrorCode;
using base::Result;
using base::Status;
namespace wire = base::wire;

Status MessageChannel::Receive() {
    std::array<char, 16384> piece;
    while (input_.size() < limits_.input_bytes) {
        ssize_t got = recv(fd(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got > 0) {
            input_.append(piece.data(), static_cast<size_t>(got));
            continue;
        }
        if (got == 0) return base::Error(ErrorCode::kUnavailable, "the other side has gone");
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
        return base::Error(ErrorCode::kUnavailable,
                           base::ErrnoError(errno, "could not receive").message);
    }
    return {};
}

Result<std::optional<Message>> MessageChannel::Next() {
    Message message;
    switch (wire::Decode(input_, message)) {
        case wire::DecodeResult::kMessage:
            return std::optional<Message>(std::move(message));
        case wire::DecodeResult::kMalformed:
            return base::Error(ErrorCode::kInvalidArgument, "received a malformed message");
        case wire::DecodeResult::kNeedMore:
            break;
    }
    if (input_.size() >= limits_.input_bytes)
        return base::Error(ErrorCode::kInvalidArgument, "received a message that is too long");
    return std::optional<Message>();
}

Status MessageChannel::Send(const Message& message) {
    std::string framed = wire::Encode(message);
    if (output_.size() + framed.size() > limits_.output_bytes)
        return base::Error(ErrorCode::kNoSpace, "the other side does not read its messages");
    output_ += framed;
    return Flush();
}

Status MessageChannel::Flush() {
    while (!output_.empty()) {
        ssize_t sent = send(fd(), output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            output_.erase(0, static_cast<size_t>(sent));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
        return base::Error(ErrorCode::kUnavailable,
                           base::ErrnoError(errno, "could not send").message);
    }
    return {};
}

Message FailedMessage(const base::Error& error) {
    Message failed("FAILED");
    failed.Set("code", base::ErrorCodeName(error.code)).Set("message", error.message);
    return failed.Set("detail", error.detail).Set("hint", error.hint);
}

base::Error ErrorOf(const Message& failed) {
    base::Error error(base::ErrorCodeFromName(failed.Get("code")),
                      std::string(failed.Get("message", "the other side failed without a reason")));
    error.detail = failed.Get("detail");
    error.hint = failed.Get("hint");
    return error;
}

Message HelloMessage() {
    Message hello("HELLO");
    hello.Set("protocol", std::to_string(wire::kProtocolVersion)).Set("version", base::kVersion);
    return hello.Set("pid", std::to_string(getpid()));
}

}  // namespace agri::worker

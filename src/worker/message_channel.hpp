// Messages of the control protocol (base/wire.hpp) over a stream socket that is never waited on:
// what is there is taken, what fits is sent. Both buffers are bounded, so that no peer grows this
// process.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/wire.hpp"

namespace agri::worker {

using base::wire::Message;

// Not thread-safe.
class MessageChannel {
   public:
    struct Limits {
        size_t input_bytes = base::wire::kMaxMessageBytes + sizeof(uint32_t);
        size_t output_bytes = base::wire::kMaxMessageBytes + sizeof(uint32_t);
    };
    MessageChannel(base::Fd socket, Limits limits) : socket_(std::move(socket)), limits_(limits) {}

    int fd() const { return socket_.get(); }
    // Takes what has arrived, at most a bufferful. kUnavailable when the peer is gone; what it had
    // sent before is there nevertheless.
    base::Status Receive();
    // The next whole message, nullopt when more must arrive. kInvalidArgument for what is no
    // message or exceeds the limit: drop the peer.
    base::Result<std::optional<Message>> Next();
    // Queues a message and sends what the socket takes. kUnavailable when the peer is gone,
    // kNoSpace when it reads too slowly.
    base::Status Send(const Message& message);
    base::Status Flush();
    bool HasOutput() const { return !output_.empty(); }

   private:
    base::Fd socket_;
    Limits limits_;
    std::string input_, output_;
};

// FAILED with the error's parts (docs/architecture.md).
Message FailedMessage(const base::Error& error);
// The error that a FAILED message carries.
base::Error ErrorOf(const Message& failed);
// HELLO of this process.
Message HelloMessage();

}  // namespace agri::worker

// One end of a socket that carries messages of base/wire.hpp, without blocking. It knows nothing of
// the server: every method is noexcept and keeps its C++ objects to itself, so callers hold a bare
// pointer that a longjmp may jump over. The owner destroys the channel when it is done with the
// peer.
#pragma once

#include <cstddef>
#include <string>

#include "base/wire.hpp"

namespace agri::pg {

enum class ChannelEvent {
    kNothing,  // wait for the socket
    kMessage,  // Verb() and Get() read it until the next Receive()
    kClosed,   // the peer is gone, all its messages were delivered
    kBroken,   // protocol violation, error of the socket, or out of memory: Problem() says which
};

class Channel {
   public:
    // Takes the descriptor, which is closed with the channel, also when it returns nullptr (out of
    // memory).
    static Channel* Create(int fd) noexcept;
    // Connects to a socket file; nullptr with errno set when nobody listens. The peer must be a
    // process of the same user (EPERM otherwise).
    static Channel* Connect(const char* path) noexcept;
    // Accepts nullptr.
    static void Destroy(Channel* channel) noexcept;

    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // One message at a time is built and queued; an unfinished one is dropped by the next Begin().
    Channel& Begin(const char* verb) noexcept;
    Channel& Add(const char* key, const char* value) noexcept;
    Channel& Add(const char* key, long long value) noexcept;
    void End() noexcept;
    // Begin and End for a message without fields.
    void Send(const char* verb) noexcept;

    // Sends what the socket takes now. What is left makes WantsToWrite() true.
    void Flush() noexcept;
    bool WantsToWrite() const noexcept { return !output_.empty() && !broken_; }

    ChannelEvent Receive() noexcept;
    bool Is(const char* verb) const noexcept { return message_.verb == verb; }
    const char* Verb() const noexcept { return message_.verb.c_str(); }
    // The value of a field of the last message, "" when it has none; lives until the next
    // Receive().
    const char* Get(const char* key) const noexcept;

    int fd() const noexcept { return fd_; }
    const char* Problem() const noexcept { return problem_; }

   private:
    explicit Channel(int fd) noexcept : fd_(fd) {}
    ~Channel();
    void Break(const char* problem) noexcept;
    bool ReadAvailable() noexcept;
    ChannelEvent TakeMessage() noexcept;

    int fd_;
    bool broken_ = false;
    bool peer_closed_ = false;
    const char* problem_ = "";
    base::wire::Message draft_;
    base::wire::Message message_;
    std::string input_;
    std::string output_;
};

}  // namespace agri::pg

// agri_backup/pgsql_tmp.archive.sock: connections of the archive module and of a successor, all
// served by the main loop. Peers of another user, malformed messages and slow readers are dropped;
// nothing a peer does grows memory beyond its bounded buffers.
#pragma once

#include <poll.h>

#include <cstdint>
#include <map>
#include <vector>

#include "base/log.hpp"
#include "worker/message_channel.hpp"

namespace agri::worker {

using ClientId = uint64_t;

struct ClientRequest {
    ClientId client = 0;
    Message message;
};

// Not thread-safe.
class ArchiveServer {
   public:
    explicit ArchiveServer(base::LoggerPtr log) : log_(std::move(log)) {}
    ~ArchiveServer() { StopListening(); }

    // `path` is relative to the data directory, the working directory. Whoever holds the instance
    // lock may replace a socket that is there.
    base::Status Listen(const std::string& path);
    // Removes the socket; connections stay.
    void StopListening();

    // Appends what to poll; Serve takes the same elements back with their events.
    void AddTo(std::vector<pollfd>& polled) const;
    // Accepts, receives and sends; returns what was asked.
    std::vector<ClientRequest> Serve(const pollfd* first, const pollfd* last);
    // Nothing happens when the client has gone.
    void Reply(ClientId client, const Message& message);
    bool IsConnected(ClientId client) const { return clients_.count(client) > 0; }

   private:
    void Accept();
    // False when the client is to be dropped.
    bool ReceiveFrom(ClientId id, MessageChannel& channel, std::vector<ClientRequest>& requests);

    const base::LoggerPtr log_;
    std::string path_;
    base::Fd listener_;
    // Given up for a client when no other descriptor is left: so the archiver is told what is the
    // matter instead of waiting. Until there is one again, nobody else is let in.
    base::Fd spare_;
    std::map<ClientId, MessageChannel> clients_;
    ClientId next_client_ = 1;
};

}  // namespace agri::worker

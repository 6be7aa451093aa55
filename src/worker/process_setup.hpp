// What a process that the server's module started does before anything else: no core dump (keys are
// in memory), first in line for the OOM killer, a session of its own, SIGTERM as a token.
#pragma once

#include "base/cancel.hpp"
#include "base/log.hpp"
#include "worker/message_channel.hpp"

namespace agri::worker {

// Once, while the process has one thread. The token lives as long as the process.
base::CancelToken& PrepareProcess();
// Waits for the next message of a peer. kCancelled when the token is, kUnavailable at the peer's
// end or after the time.
base::Result<Message> AwaitMessage(MessageChannel& channel, const base::CancelToken& cancel,
                                   std::chrono::milliseconds time);

}  // namespace agri::worker

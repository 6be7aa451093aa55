// The cluster as a job sees it: its session worker at the other end of the control socket, which
// speaks SQL for it. One question at a time is under way, whichever thread asks.
#pragma once

#include <mutex>

#include "base/cancel.hpp"
#include "engine/cluster_port.hpp"
#include "worker/message_channel.hpp"

namespace agri::worker {

// Thread-safe.
class SessionPort final : public engine::ClusterPort {
   public:
    // Both must outlive it.
    SessionPort(MessageChannel& channel, const base::CancelToken& cancel)
        : channel_(channel), cancel_(cancel) {}

    base::Result<engine::ClusterFacts> Facts() override;
    base::Result<engine::BackupStart> StartBackup(const std::string& label) override;
    base::Result<engine::BackupStop> StopBackup() override;
    std::string RelationName(uint32_t database_oid, uint32_t tablespace_oid,
                             uint32_t file_number) override;

    // Sends what has no answer: STARTED, DONE, FAILED. Waits a little until all is sent.
    base::Status Tell(const Message& message);
    // Whether the session worker has ended, and with it whoever could have wanted the result.
    bool IsGone() const;

   private:
    base::Result<Message> Ask(const Message& request, std::string_view expected);

    std::mutex mutex_;
    MessageChannel& channel_;
    const base::CancelToken& cancel_;
    // After a question without its answer nothing that arrives can be trusted to belong to the
    // next.
    bool is_broken_ = false;
};

}  // namespace agri::worker

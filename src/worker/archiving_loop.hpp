// The archiving process's main loop: one thread that never waits for storage. It answers the
// archive module, hands files to the pool, retries what failed, keeps the cached state, and ends
// when the server is gone or a newer process takes over.
#pragma once

#include <memory>
#include <optional>

#include "worker/archive_queue.hpp"
#include "worker/archive_server.hpp"
#include "worker/archive_target.hpp"
#include "worker/archiving_status.hpp"
#include "worker/mailbox.hpp"
#include "worker/postmaster_watch.hpp"
#include "worker/report_keeper.hpp"
#include "worker/waiting_clients.hpp"
#include "worker/work_pool.hpp"

namespace agri::worker {

struct ArchivingOptions {
    BackoffOptions backoff;
    StatusOptions status;
    std::chrono::milliseconds working_interval{5000};  // between two WORKING
    std::chrono::milliseconds report_pause{30000};     // between two descriptions of the repository
    std::chrono::milliseconds look_interval{10000};    // at archive_status, role and postmaster
    std::chrono::milliseconds grace{60000};            // for work in flight when ending
};

class ArchivingLoop {
   public:
    struct Inputs {
        MessageChannel& control;  // the supervisor; EOF on it changes nothing else
        const PostmasterWatch& postmaster;
        const base::CancelToken& signal;  // SIGTERM
        base::CancelToken& abort;         // environment.stop: cancelled when the grace is over
    };
    ArchivingLoop(ServerConfig config, const Environment& environment, ArchivingOptions options,
                  Inputs inputs);
    // The working directory is the data directory and the instance lock is held. Returns when all
    // work has ended; false when some of it never will and the process must be ended over it.
    base::Result<bool> Run();

   private:
    enum class Phase { kRunning, kLeaving };

    void Configure(ServerConfig config);
    void BeginWork();
    void Submit(const ArchiveWork& work);
    struct Outcome {
        ArchiveWork work;
        FileStamp stamp;  // of the file before it was read
        std::shared_ptr<ArchiveTarget> target;
        uint64_t generation = 0;  // the target's, before the work began
        std::optional<ArchiveFailure> failure;
    };
    static void Do(Outcome& outcome, base::Logger& log);
    void FinishWork(Outcome outcome);
    void NoticeNewRepository();
    void LogFailure(const std::string& name, const base::Error& error);

    void Handle(const ClientRequest& request);
    void HandleArchive(const ClientRequest& request);
    void HandleStopped(const ClientRequest& request);
    void AnswerWaiting();
    void HandleControl();
    void Tell(const Message& message);
    // Why nothing is archived at all, whatever the file.
    std::optional<base::Error> Refusal() const;

    void Look();
    void LookAtReady();
    void UpdateState();
    void Leave(std::string_view reason);
    void LeaveServerGone();
    bool IsDone() const;
    void PollOnce();
    int PollTimeoutMs() const;

    const Environment environment_;
    const ArchivingOptions options_;
    const Inputs inputs_;
    ServerConfig config_;
    bool supervisor_gone_ = false;
    Mailbox mailbox_;
    ArchiveServer server_;
    WaitingClients waiting_;
    ArchiveQueue queue_;
    ArchivingStatus status_;
    ReadyWatch ready_watch_;
    std::shared_ptr<ArchiveTarget> target_;  // none while the settings are unusable
    uint64_t generation_ = 0;                // of the target, as far as it was noticed
    bool was_open_ = false;                  // the target answered at least once
    bool is_clone_ = false;
    bool archiver_seen_ = false;
    bool is_saving_unfinished_ = false;
    bool was_failing_ = false;
    bool server_gone_ = false;  // the data directory may be somebody else's now: nothing is written
    Phase phase_ = Phase::kRunning;
    base::MonotonicTime work_begun_{};
    base::MonotonicTime leave_deadline_{}, next_look_{}, ready_looked_{}, next_job_clean_{};
    base::MonotonicTime::duration ready_look_took_{};
    bool ready_changed_ = true;
    std::string logged_failure_;
    base::MonotonicTime failure_logged_{};
    ReportKeeper report_;
    // Last: its threads end before anything they use does.
    WorkPool pool_;
};

}  // namespace agri::worker

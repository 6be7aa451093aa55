// See archive_client.hpp. The wait answers what the archiver itself would: a DROP DATABASE waits
// until every process absorbed its signal barrier, so a wait that ignores barriers would block it.
#include "pg/archive_client.hpp"

#include "pg/channel.hpp"
#include "pg/errors.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/wait.hpp"

namespace agri::pg {

namespace {

constexpr char kSocketPath[] = "agri_backup/pgsql_tmp.archive.sock";
// While the supervisor is there to start the archiving process, it is worth waiting for its socket.
constexpr int kConnectPatienceMs = 10000;
constexpr int kConnectPauseMs = 100;
constexpr int kLongestPauseMs = 1000;

enum class Pause { kGoOn, kShuttingDown };

Pause ServeServer(int events) {
    if ((events & WL_LATCH_SET) != 0) ResetLatch(MyLatch);
    if (ProcSignalBarrierPending) ProcessProcSignalBarrier();
    if (LogMemoryContextPending) ProcessLogMemoryContextInterrupt();
    bool ending = (events & WL_POSTMASTER_DEATH) != 0 || ShutdownRequestPending;
    return ending ? Pause::kShuttingDown : Pause::kGoOn;
}

bool SupervisorIsThere() {
    if (shared == nullptr) return false;
    LWLockAcquire(shared->lock, LW_SHARED);
    bool there = shared->processes.supervisor_pid != 0;
    LWLockRelease(shared->lock);
    return there;
}

Channel* ConnectWithPatience(Failure* failure) {
    TimestampTz begin = SteadyNow();
    for (;;) {
        Channel* channel = Channel::Connect(kSocketPath);
        if (channel != nullptr) return channel;
        int error_number = errno;
        bool patient = SupervisorIsThere() && !TimestampDifferenceExceeds(
                                                  begin, SteadyNow(), kConnectPatienceMs);
        if (!patient) {
            SetFailure(
                failure, "unavailable", "the archiving process is not running",
                psprintf("Could not connect to \"%s\": %s.", kSocketPath, strerror(error_number)),
                shared == nullptr
                    ? "Add agri_backup to shared_preload_libraries and restart the server."
                    : "The server log and agri_backup.status say why it ended.");
            return nullptr;
        }
        int events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH,
                               kConnectPauseMs, WaitEventFor(Waiting::kForArchiving));
        if (ServeServer(events) == Pause::kShuttingDown) {
            SetFailure(failure, "cancelled", "the server is shutting down");
            return nullptr;
        }
    }
}

enum class Answer { kNone, kWorking, kDurable, kFailed };

Answer TakeAnswer(Channel* channel, Failure* failure) {
    switch (channel->Receive()) {
        case ChannelEvent::kNothing:
            return Answer::kNone;
        case ChannelEvent::kClosed:
            SetFailure(failure, "unavailable", "the archiving process ended before it answered");
            return Answer::kFailed;
        case ChannelEvent::kBroken:
            SetFailure(failure, "protocol", channel->Problem());
            return Answer::kFailed;
        case ChannelEvent::kMessage:
            break;
    }
    if (channel->Is("DURABLE")) return Answer::kDurable;
    if (channel->Is("WORKING")) return Answer::kWorking;
    if (channel->Is("FAILED"))
        SetFailure(failure, channel->Get("code"), channel->Get("message"), channel->Get("detail"),
                   channel->Get("hint"));
    else
        SetFailure(failure, "protocol", "unexpected answer of the archiving process",
                   channel->Verb());
    return Answer::kFailed;
}

// The deadline is since the last sign of life, or for all of it where a shutdown waits.
enum class Deadline { kSinceSign, kInAll };

bool WaitForAnswer(Channel* channel, Deadline deadline, Failure* failure) {
    TimestampTz last_sign = SteadyNow();
    for (;;) {
        Answer answer = TakeAnswer(channel, failure);
        if (answer == Answer::kDurable) return true;
        if (answer == Answer::kFailed) return false;
        if (answer == Answer::kWorking) {
            if (deadline == Deadline::kSinceSign) last_sign = SteadyNow();
            continue;
        }
        if (TimestampDifferenceExceeds(last_sign, SteadyNow(),
                                       settings.archive_deadline_s * 1000)) {
            SetFailure(failure, "unavailable",
                       deadline == Deadline::kInAll ? "the archiving process needs too long"
                                                    : "the archiving process does not answer",
                       psprintf("agri_backup.archive_deadline is %d seconds.",
                                settings.archive_deadline_s));
            return false;
        }
        int events =
            WaitLatchOrSocket(MyLatch,
                              WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH | WL_SOCKET_READABLE |
                                  (channel->WantsToWrite() ? WL_SOCKET_WRITEABLE : 0),
                              channel->fd(), kLongestPauseMs, WaitEventFor(Waiting::kForArchiving));
        if (ServeServer(events) == Pause::kShuttingDown) {
            SetFailure(failure, "cancelled", "the server is shutting down");
            return false;
        }
    }
}

}  // namespace

namespace {

bool Ask(const char* file, const char* path, Failure* failure) {
    MemoryContext context = CurrentMemoryContext;
    Channel* volatile channel = nullptr;
    volatile bool durable = false;
    PG_TRY();
    {
        channel = ConnectWithPatience(failure);
        if (channel != nullptr) {
            Channel* asked = channel;
            if (file != nullptr)
                asked->Begin("ARCHIVE").Add("file", file).Add("path", path).End();
            else
                asked->Begin("STOPPED").End();
            durable = WaitForAnswer(
                asked, file != nullptr ? Deadline::kSinceSign : Deadline::kInAll, failure);
        }
    }
    PG_CATCH();
    {
        // An error here would end the archiver on PostgreSQL 15 and 16.
        TakeCaughtError(failure, context);
        durable = false;
    }
    PG_END_TRY();
    Channel::Destroy(channel);
    // The wait may have taken a wake-up that was meant for the archiver's own loop.
    SetLatch(MyLatch);
    return durable;
}

}  // namespace

bool IsFileDurable(const char* file, const char* path, Failure* failure) {
    return Ask(file, path, failure);
}

bool IsUnfinishedWalSaved(Failure* failure) { return Ask(nullptr, nullptr, failure); }

}  // namespace agri::pg

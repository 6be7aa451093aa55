// The spawner may have done some of this; doing it again is harmless.
#include "worker/process_setup.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

namespace agri::worker {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr int kOomScore = 800;

// The server must never be the one that is killed.
void OfferToOomKiller() {
    int score = 0;
    std::ifstream("/proc/self/oom_score_adj") >> score;
    if (score < kOomScore) std::ofstream("/proc/self/oom_score_adj") << kOomScore;
}

base::CancelToken& SignalToken() {
    static base::CancelToken token;
    return token;
}

}  // namespace

base::CancelToken& PrepareProcess() {
    prctl(PR_SET_DUMPABLE, 0);
    OfferToOomKiller();
    setsid();
    umask(077);
    SignalToken();
    struct sigaction action {};
    action.sa_handler = [](int) { SignalToken().Cancel(); };
    sigaction(SIGTERM, &action, nullptr);
    // The spawner blocked it until now.
    sigset_t handled;
    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
    for (int ignored : {SIGPIPE, SIGHUP, SIGINT}) signal(ignored, SIG_IGN);
    return SignalToken();
}

Result<Message> AwaitMessage(MessageChannel& channel, const base::CancelToken& cancel,
                             std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    base::Status received;
    while (true) {
        AGRI_ASSIGN(std::optional<Message> message, channel.Next());
        // The last words of a peer that has gone count.
        if (message) return std::move(*message);
        AGRI_TRY(received);
        AGRI_TRY(cancel.Check());
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return Error(ErrorCode::kUnavailable, "no message came in time");
        const short events = channel.HasOutput() ? POLLIN | POLLOUT : POLLIN;
        std::array<pollfd, 2> polled{{{channel.fd(), events, 0}, {cancel.fd(), POLLIN, 0}}};
        poll(polled.data(), polled.size(),
             static_cast<int>(std::min<int64_t>(left.count(), 3600000)));
        if (polled[0].revents & POLLOUT) AGRI_TRY(channel.Flush());
        if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) received = channel.Receive();
    }
}

}  // namespace agri::worker

// Who waits for what: clients of the archive socket that asked for a file to be made durable (its
// name), or for a fresh state/repository.json (the empty name). Each hears WORKING until its
// answer.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "worker/archive_server.hpp"
#include "worker/environment.hpp"

namespace agri::worker {

inline const std::string kRefresh;              // the name of a refresh
inline const std::string kStopped = "STOPPED";  // the name of saving the unfinished segment

// Not thread-safe.
class WaitingClients {
   public:
    explicit WaitingClients(std::chrono::milliseconds interval) : interval_(interval) {}

    // False when that client waits for too much already.
    bool Add(ClientId client, const std::string& name, base::MonotonicTime now) {
        size_t mine = 0;
        for (const Waiting& waiting : waiting_) mine += waiting.client == client;
        if (mine >= kMostPerClient) return false;
        waiting_.push_back({client, name, now + interval_});
        return true;
    }
    // Everything somebody waits for; clients that have gone wait no more.
    std::set<std::string> Names(const ArchiveServer& server) {
        std::erase_if(waiting_, [&](const auto& w) { return !server.IsConnected(w.client); });
        std::set<std::string> names;
        for (const Waiting& waiting : waiting_) names.insert(waiting.name);
        return names;
    }
    void Answer(const std::string& name, const Message& answer, ArchiveServer& server) {
        for (const Waiting& waiting : waiting_)
            if (waiting.name == name) server.Reply(waiting.client, answer);
        std::erase_if(waiting_, [&](const auto& w) { return w.name == name; });
    }
    void SaySigns(base::MonotonicTime now, ArchiveServer& server) {
        for (Waiting& waiting : waiting_) {
            if (waiting.next_sign > now) continue;
            server.Reply(waiting.client, Message("WORKING"));
            waiting.next_sign = now + interval_;
        }
    }
    base::MonotonicTime NextSign() const {
        auto next = base::MonotonicTime::max();
        for (const Waiting& waiting : waiting_) next = std::min(next, waiting.next_sign);
        return next;
    }
    bool empty() const { return waiting_.empty(); }

   private:
    static constexpr size_t kMostPerClient = 16;
    struct Waiting {
        ClientId client = 0;
        std::string name;
        base::MonotonicTime next_sign;
    };
    const std::chrono::milliseconds interval_;
    std::vector<Waiting> waiting_;
};

}  // namespace agri::worker

// Questions to the session worker and how its answers are read.
#include "worker/session_port.hpp"

#include <poll.h>

#include <charconv>

#include "worker/process_setup.hpp"

namespace agri::worker {

using base::Error;
using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

// A checkpoint may take long; the end of the session worker ends the wait anyway.
constexpr std::chrono::hours kAnswerTime(24);
constexpr int kSendTimeMs = 5000;

template <class T>
Status ReadNumber(const Message& message, std::string_view name, T& out) {
    std::string_view text = message.Get(name);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return MakeError(ErrorCode::kInternal, "{} has no valid \"{}\"", message.verb, name);
    return {};
}

Status ReadPosition(const Message& message, base::Lsn& lsn, base::TimelineId& timeline) {
    auto parsed = base::Lsn::Parse(message.Get("lsn"));
    if (!parsed) return MakeError(ErrorCode::kInternal, "{} has no valid \"lsn\"", message.verb);
    lsn = *parsed;
    return ReadNumber(message, "timeline", timeline.value);
}

bool IsOn(std::string_view value) { return value == "on" || value == "true" || value == "t"; }

uint32_t ParseOid(const std::string& text) {
    uint32_t oid = 0;
    std::from_chars(text.data(), text.data() + text.size(), oid);
    return oid;
}

// config_path and database_name each follow the field that they belong to.
void ReadLists(const Message& message, engine::ClusterFacts& facts) {
    for (const auto& [name, value] : message.fields) {
        if (name == "config_setting") facts.config_files.push_back({value, ""});
        if (name == "config_path" && !facts.config_files.empty())
            facts.config_files.back().path = value;
        if (name == "database_oid") facts.databases.push_back({ParseOid(value), ""});
        if (name == "database_name" && !facts.databases.empty())
            facts.databases.back().name = value;
    }
}

}  // namespace

Result<Message> SessionPort::Ask(const Message& request, std::string_view expected) {
    std::lock_guard lock(mutex_);
    AGRI_TRY(cancel_.Check());
    if (is_broken_) return Error(ErrorCode::kCancelled, "the session worker has gone");
    is_broken_ = true;
    AGRI_TRY(channel_.Send(request));
    AGRI_ASSIGN(Message answer, AwaitMessage(channel_, cancel_, kAnswerTime));
    is_broken_ = false;
    if (answer.verb == "FAILED") return ErrorOf(answer);
    if (answer.verb != expected)
        return MakeError(ErrorCode::kInternal, "{} was answered by {}", request.verb, answer.verb);
    return answer;
}

Status SessionPort::Tell(const Message& message) {
    std::lock_guard lock(mutex_);
    AGRI_TRY(channel_.Send(message));
    while (channel_.HasOutput()) {
        pollfd polled{channel_.fd(), POLLOUT, 0};
        if (poll(&polled, 1, kSendTimeMs) <= 0)
            return Error(ErrorCode::kUnavailable, "the session worker does not read");
        AGRI_TRY(channel_.Flush());
    }
    return {};
}

bool SessionPort::IsGone() const {
    pollfd polled{channel_.fd(), POLLRDHUP, 0};
    return poll(&polled, 1, 0) > 0 && polled.revents != 0;
}

Result<engine::ClusterFacts> SessionPort::Facts() {
    AGRI_ASSIGN(Message answer, Ask(Message("FACTS"), "FACTS"));
    engine::ClusterFacts facts;
    facts.data_directory = answer.Get("data_directory");
    AGRI_TRY(ReadNumber(answer, "system_identifier", facts.system_identifier));
    AGRI_TRY(ReadNumber(answer, "server_version_num", facts.server_version_num));
    AGRI_TRY(ReadNumber(answer, "block_size", facts.block_size));
    AGRI_TRY(ReadNumber(answer, "wal_segment_size", facts.wal_segment_size));
    facts.server_version = answer.Get("server_version");
    facts.in_recovery = IsOn(answer.Get("in_recovery"));
    facts.data_checksums = IsOn(answer.Get("data_checksums"));
    facts.preload_libraries = answer.Get("preload_libraries");
    facts.icu_version = answer.Get("icu_version");
    ReadLists(answer, facts);
    return facts;
}

Result<engine::BackupStart> SessionPort::StartBackup(const std::string& label) {
    AGRI_ASSIGN(Message answer, Ask(Message("START_BACKUP").Set("label", label), "BACKUP_STARTED"));
    engine::BackupStart start;
    AGRI_TRY(ReadPosition(answer, start.start_lsn, start.timeline));
    return start;
}

Result<engine::BackupStop> SessionPort::StopBackup() {
    AGRI_ASSIGN(Message answer, Ask(Message("STOP_BACKUP"), "BACKUP_STOPPED"));
    engine::BackupStop stop;
    AGRI_TRY(ReadPosition(answer, stop.stop_lsn, stop.timeline));
    stop.backup_label = answer.Get("backup_label");
    stop.tablespace_map = answer.Get("tablespace_map");
    return stop;
}

std::string SessionPort::RelationName(uint32_t database_oid, uint32_t tablespace_oid,
                                      uint32_t file_number) {
    Message request("RELATION");
    request.Set("database", std::to_string(database_oid));
    request.Set("tablespace", std::to_string(tablespace_oid));
    request.Set("file", std::to_string(file_number));
    auto answer = Ask(request, "RELATION");
    return answer ? std::string(answer->Get("name")) : std::string();
}

}  // namespace agri::worker

// The report as JSON. Its field names are the columns of the SQL views: a name, once released,
// keeps its meaning.
#include "engine/report.hpp"

#include <signal.h>

#include <cerrno>

#include "engine/report_wal.hpp"
#include "engine/target.hpp"
#include "repo/lease.hpp"
#include "repo/machine.hpp"
#include "repo/schedule_run.hpp"

namespace agri::engine {

using base::Lsn;
using base::Result;
using nlohmann::json;

namespace {

constexpr int kReportFormat = 1;

json TextOrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json LsnOrNull(uint64_t lsn) { return lsn == 0 ? json(nullptr) : json(Lsn{lsn}.ToString()); }

json KindName(repo::format::ManifestHeader::Kind kind) {
    switch (kind) {
        case repo::format::ManifestHeader::FULL:
            return "full";
        case repo::format::ManifestHeader::INCREMENTAL:
            return "incremental";
        case repo::format::ManifestHeader::SNAPSHOT:
            return "snapshot";
        default:
            return nullptr;
    }
}

// Without data checksums no page was checked: not a failure, and not none either.
json PageFailures(const repo::format::ManifestHeader& header) {
    if (header.data_checksum_version() == 0) return nullptr;
    return header.statistics().page_failures();
}

// An unreadable manifest leaves everything but identifier and problem unknown.
json DescribeUnreadable(const repo::CatalogEntry& entry) {
    json row = {{"backup_id", entry.header.backup_id()}, {"problem", entry.problem}};
    for (const char* unknown : {"kind", "label", "timeline", "start_lsn", "stop_lsn", "start_time",
                                "stop_time", "duration_ms", "files", "bytes", "stored_bytes",
                                "from_standby", "page_failures", "server_version", "requested_by"})
        row[unknown] = nullptr;
    return row;
}

json DescribeBackup(const repo::CatalogEntry& entry) {
    if (!entry.problem.empty()) return DescribeUnreadable(entry);
    const auto& header = entry.header;
    const auto& statistics = header.statistics();
    return {{"backup_id", header.backup_id()},
            {"kind", KindName(header.kind())},
            {"label", TextOrNull(header.label())},
            {"timeline", header.timeline()},
            {"start_lsn", LsnOrNull(header.start_lsn())},
            {"stop_lsn", LsnOrNull(header.stop_lsn())},
            {"start_time", TimeOrNull(header.start_us())},
            {"stop_time", TimeOrNull(header.stop_us())},
            {"duration_ms", statistics.duration_ms()},
            {"files", statistics.files()},
            {"bytes", statistics.bytes()},
            {"stored_bytes", statistics.new_bytes()},
            {"from_standby", header.from_standby()},
            {"page_failures", PageFailures(header)},
            {"server_version", TextOrNull(header.server_version())},
            {"requested_by", TextOrNull(header.requested_by())},
            {"problem", nullptr}};
}

json DescribeWindow(const RecoveryWindow& window) {
    return {{"timeline", window.timeline.value},
            {"first_backup", TextOrNull(window.first_backup)},
            {"from_lsn", LsnOrNull(window.from_lsn.value)},
            {"to_lsn", LsnOrNull(window.to_lsn.value)},
            {"from_time", TimeOrNull(window.from_us)},
            {"to_time", TimeOrNull(window.to_us)}};
}

// An intent outlives a backup process that crashed here; elsewhere nobody can tell.
bool IsCertainlyDead(const repo::format::BackupIntent& intent) {
    return intent.host() == repo::HostName() && intent.pid() > 0 &&
           kill(static_cast<pid_t>(intent.pid()), 0) != 0 && errno == ESRCH;
}

Result<json> DescribeRunning(const repo::Incarnation& incarnation) {
    AGRI_ASSIGN(const std::vector<repo::format::BackupIntent> intents,
                repo::ListIntents(incarnation));
    json rows = json::array();
    for (const auto& intent : intents)
        if (!IsCertainlyDead(intent))
            rows.push_back({{"backup_id", intent.backup_id()},
                            {"host", TextOrNull(intent.host())},
                            {"pid", intent.pid()},
                            {"since", TimeOrNull(intent.since_us())}});
    return rows;
}

// A run without an end whose process is gone here, or whose lease nobody holds, was cut off.
Result<json> RunState(const repo::Incarnation& incarnation, const repo::format::ScheduleRun& run) {
    using repo::format::ScheduleRun;
    switch (run.state()) {
        case ScheduleRun::DONE:
            return "done";
        case ScheduleRun::FAILED:
            return "failed";
        case ScheduleRun::CANCELLED:
            return "cancelled";
        case ScheduleRun::DEFERRED:
            return "deferred";
        default:
            break;
    }
    AGRI_ASSIGN(auto holder,
                repo::LeaseGuard::Holder(incarnation, repo::LeaseNameOf(run.schedule())));
    const bool is_dead = repo::SystemProcessTable().IsCertainlyDead(
        {run.host(), run.boot_id(), run.pid(), run.pid_start_ticks()});
    return holder && !is_dead ? "running" : "interrupted";
}

Result<json> DescribeSchedules(const repo::Incarnation& incarnation) {
    AGRI_ASSIGN(const auto runs, repo::ListLastRuns(incarnation));
    json rows = json::array();
    for (const repo::format::ScheduleRun& run : runs) {
        AGRI_ASSIGN(json state, RunState(incarnation, run));
        rows.push_back({{"schedule", run.schedule()},
                        {"scheduled_time", TimeOrNull(run.scheduled_us())},
                        {"state", std::move(state)},
                        {"attempt", run.attempt()},
                        {"host", TextOrNull(run.host())},
                        {"started", TimeOrNull(run.started_us())},
                        {"ended", TimeOrNull(run.ended_us())},
                        {"backup_id", TextOrNull(run.backup_id())},
                        {"error", TextOrNull(run.error())},
                        {"last_success_time", TimeOrNull(run.last_success_us())},
                        {"last_backup_id", TextOrNull(run.last_backup_id())}});
    }
    return rows;
}

Status DescribeIncarnations(const repo::Incarnation& incarnation, json& document) {
    AGRI_ASSIGN(const auto all,
                repo::Incarnation::List(incarnation.repository(), incarnation.cluster()));
    document["incarnation"] = incarnation.info().number();
    document["incarnations"] = json::array();
    for (const auto& one : all)
        document["incarnations"].push_back(
            {{"incarnation", one.number()},
             {"major_version", one.major_version()},
             {"system_identifier", std::to_string(one.system_identifier())},
             {"since", TimeOrNull(one.created_us())}});
    return {};
}

}  // namespace

Result<json> DescribeRepository(const repo::Incarnation& incarnation,
                                const RepositorySettings& repository, const Context& context) {
    json document = {{"format", kReportFormat},
                     {"as_of", base::FormatTime(context.clock.Now())},
                     {"repository", repository.name},
                     {"uri", repository.uri},
                     {"cluster", incarnation.cluster()}};
    AGRI_TRY(DescribeIncarnations(incarnation, document));
    AGRI_ASSIGN(const std::vector<repo::CatalogEntry> backups, repo::ListBackups(incarnation));
    document["backups"] = json::array();
    for (const repo::CatalogEntry& entry : backups)
        document["backups"].push_back(DescribeBackup(entry));
    AGRI_ASSIGN(RecoveryWindows listed, ListRecoveryWindows(incarnation, context));
    AGRI_ASSIGN(document["wal_archive"], DescribeWal(incarnation, backups, listed.problems));
    document["recovery_window"] = json::array();
    for (const RecoveryWindow& window : listed.windows)
        document["recovery_window"].push_back(DescribeWindow(window));
    document["wal_problems"] = json::array();
    for (const auto& [object, problem] : listed.problems)
        document["wal_problems"].push_back({{"object", object}, {"problem", problem}});
    AGRI_ASSIGN(document["running"], DescribeRunning(incarnation));
    AGRI_ASSIGN(document["schedules"], DescribeSchedules(incarnation));
    return document;
}

}  // namespace agri::engine

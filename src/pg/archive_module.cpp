// The archive module for PostgreSQL 15 to 18, loaded by archive_library = 'agri_backup'. Its
// callbacks run in the archiver, where an error ends the process on 15 and 16 and a crash ends
// every session: they return false and warn, nothing else.
#include "pg/archive_client.hpp"
#include "pg/errors.hpp"
#include "pg/server.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"

#if PG_VERSION_NUM >= 160000
extern "C" {
#include "archive/archive_module.h"
}
#endif

namespace agri::pg {

namespace {

// PostgreSQL tries again each second: the same words once a minute are enough.
constexpr int kWarningPauseMs = 60000;

void WarnOncePerMinute(const char* file, const Failure& failure) {
    static Failure last = {};
    static TimestampTz last_time = 0;
    TimestampTz now = GetCurrentTimestamp();
    bool repeated = strcmp(last.message, failure.message) == 0 &&
                    strcmp(last.detail, failure.detail) == 0 &&
                    !TimestampDifferenceExceeds(last_time, now, kWarningPauseMs);
    if (!repeated) {
        last = failure;
        last_time = now;
    }
    ereport(repeated ? DEBUG1 : WARNING,
            (errcode(SqlStateOf(failure.code)),
             errmsg("could not archive file \"%s\": %s", file, failure.message),
             failure.detail[0] != '\0' ? errdetail("%s", failure.detail) : 0,
             failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0));
}

// For agri_backup.status, which must show failures also when the archiving process is gone.
void Report(const char* file, const Failure* failure) {
    if (shared == nullptr) return;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    ArchiverReport& report = shared->archiver;
    if (failure == nullptr) {
        report = ArchiverReport{};
    } else {
        if (report.failing_since == 0) report.failing_since = GetCurrentTimestamp();
        strlcpy(report.failed_file, file, sizeof(report.failed_file));
        report.failure = *failure;
    }
    LWLockRelease(shared->lock);
}

bool IsBlocked(Failure* failure) {
    MemoryContext context = CurrentMemoryContext;
    volatile bool blocked = true;
    PG_TRY();
    {
        Obstacle obstacle = FindObstacle();
        blocked = obstacle.kind != Obstacle::Kind::kNone;
        if (blocked) SetFailure(failure, "configuration", obstacle.message, nullptr, obstacle.hint);
    }
    PG_CATCH();
    { TakeCaughtError(failure, context); }
    PG_END_TRY();
    return blocked;
}

// The archiver of PostgreSQL 15 calls back in a context that lives as long as the process.
MemoryContext call_context = nullptr;

void MakeCallContext() {
    if (call_context == nullptr)
        call_context =
            AllocSetContextCreate(TopMemoryContext, "agri_backup archiving", ALLOCSET_SMALL_SIZES);
}

bool ArchiveFile(const char* file, const char* path) {
    MemoryContext caller = MemoryContextSwitchTo(call_context);
    Failure failure = {};
    bool durable = !IsBlocked(&failure) && IsFileDurable(file, path, &failure);
    Report(file, durable ? nullptr : &failure);
    if (!durable) WarnOncePerMinute(file, failure);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(call_context);
    return durable;
}

// Whether the server is ending is for the archiving process to tell, by pg_control: the archiver
// also ends when archive_library changes.
void ArchiverEnds() {
    if (IsBinaryUpgrade) return;
    MemoryContext caller = MemoryContextSwitchTo(call_context);
    Failure failure = {};
    if (!IsBlocked(&failure) && !IsUnfinishedWalSaved(&failure))
        ereport(WARNING,
                (errcode(SqlStateOf(failure.code)),
                 errmsg("could not save the last, unfinished WAL segment: %s", failure.message),
                 failure.detail[0] != '\0' ? errdetail("%s", failure.detail) : 0,
                 errhint("The archive ends before the shutdown checkpoint, behind the last commit. "
                         "\"agri_backup wal-push\" of the folder pg_wal saves it while the server "
                         "is stopped.")));
    MemoryContextSwitchTo(caller);
    MemoryContextReset(call_context);
}

// True also with an obstacle: ArchiveFile() then fails with the words that say what to set, on
// every version, where core's own warning knows none of them before 17. What pg_upgrade writes is
// no WAL of the cluster.
bool IsConfigured() { return !IsBinaryUpgrade; }

}  // namespace

extern "C" {

#if PG_VERSION_NUM >= 160000

static bool CheckConfiguredCallback(ArchiveModuleState* /*state*/) { return IsConfigured(); }
static bool ArchiveFileCallback(ArchiveModuleState* /*state*/, const char* file, const char* path) {
    return ArchiveFile(file, path);
}
static void ShutdownCallback(ArchiveModuleState* /*state*/) { ArchiverEnds(); }

// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that PostgreSQL looks for
PGDLLEXPORT const ArchiveModuleCallbacks* _PG_archive_module_init(void) {
    MakeCallContext();
    static const ArchiveModuleCallbacks kCallbacks = {
        .startup_cb = nullptr,
        .check_configured_cb = CheckConfiguredCallback,
        .archive_file_cb = ArchiveFileCallback,
        .shutdown_cb = ShutdownCallback,
    };
    return &kCallbacks;
}

#else

static bool CheckConfiguredCallback(void) { return IsConfigured(); }
static bool ArchiveFileCallback(const char* file, const char* path) {
    return ArchiveFile(file, path);
}

// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that PostgreSQL looks for
PGDLLEXPORT void _PG_archive_module_init(ArchiveModuleCallbacks* callbacks) {
    MakeCallContext();
    callbacks->check_configured_cb = CheckConfiguredCallback;
    callbacks->archive_file_cb = ArchiveFileCallback;
    callbacks->shutdown_cb = ArchiverEnds;
}

#endif

}  // extern "C"

}  // namespace agri::pg

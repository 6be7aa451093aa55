// See errors.hpp.
#include "pg/errors.hpp"

#include "pg/settings.hpp"

namespace agri::pg {

namespace {

struct CodeState {
    const char* code;
    int sqlstate;
};

// The words are those of base/error.cpp, and the module's own at the end. Where several words share
// a SQLSTATE, the first is what an error of the server becomes.
const CodeState kCodeStates[] = {
    {"invalid_argument", ERRCODE_INVALID_PARAMETER_VALUE},
    {"configuration", ERRCODE_CONFIG_FILE_ERROR},
    {"not_found", ERRCODE_UNDEFINED_OBJECT},
    {"already_exists", ERRCODE_DUPLICATE_OBJECT},
    {"cluster_state", ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE},
    {"conflict", ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE},
    {"not_initialized", ERRCODE_UNDEFINED_FILE},
    {"unsupported", ERRCODE_FEATURE_NOT_SUPPORTED},
    {"corrupt", ERRCODE_DATA_CORRUPTED},
    {"authentication", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION},
    {"permission", ERRCODE_INSUFFICIENT_PRIVILEGE},
    {"no_space", ERRCODE_DISK_FULL},
    {"unavailable", ERRCODE_CONNECTION_FAILURE},
    {"io", ERRCODE_IO_ERROR},
    {"busy", ERRCODE_OBJECT_IN_USE},
    {"cancelled", ERRCODE_QUERY_CANCELED},
    {"unreachable_target", ERRCODE_NO_DATA_FOUND},
    {"internal", ERRCODE_INTERNAL_ERROR},
    {"process_ended", ERRCODE_SYSTEM_ERROR},
    {"protocol", ERRCODE_PROTOCOL_VIOLATION},
};

// The texts are UTF-8 or the server's own; a cut must not leave half a character.
template <size_t kSize>
void CopyText(char (&target)[kSize], const char* text) {
    if (text == nullptr) text = "";
    size_t length = strlen(text);
    if (length >= kSize) {
        length = kSize - 1;
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    }
    memcpy(target, text, length);
    target[length] = '\0';
}

const char* CodeOf(int sqlstate) {
    for (const CodeState& entry : kCodeStates)
        if (entry.sqlstate == sqlstate) return entry.code;
    return "cluster_state";
}

char* AsciiOnly(const char* text) {
    char* copy = pstrdup(text);
    for (char* c = copy; *c != '\0'; ++c)
        if (IS_HIGHBIT_SET(*c)) *c = '?';
    return copy;
}

bool IsUtf8(const char* text) {
    return pg_verify_mbstr(PG_UTF8, text, static_cast<int>(strlen(text)), true);
}

// For texts that must not fail to convert.
const char* SafeUtf8(const char* text) {
    if (text == nullptr || IsUtf8(text)) return text;
    return AsciiOnly(text);
}

}  // namespace

void SetFailure(Failure* failure, const char* code, const char* message, const char* detail,
                const char* hint) {
    CopyText(failure->code, code);
    CopyText(failure->message, message);
    CopyText(failure->detail, detail);
    CopyText(failure->hint, hint);
}

void TakeCaughtError(Failure* failure, MemoryContext context) {
    MemoryContextSwitchTo(context);
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    SetFailure(failure, CodeOf(error->sqlerrcode), SafeUtf8(error->message),
               SafeUtf8(error->detail), SafeUtf8(error->hint));
    FreeErrorData(error);
}

char* FromUtf8(const char* text) {
    int encoding = GetDatabaseEncoding();
    bool plain = encoding == PG_UTF8 ? IsUtf8(text) : encoding == PG_SQL_ASCII;
    return plain ? pstrdup(text) : AsciiOnly(text);
}

char* ToUtf8(const char* text) {
    // pg_server_to_any raises an error for bytes that SQL_ASCII allows and UTF-8 does not.
    if (GetDatabaseEncoding() == PG_SQL_ASCII) return pstrdup(SafeUtf8(text));
    char* converted = pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
    return converted == text ? pstrdup(text) : converted;
}

int SqlStateOf(const char* code) {
    for (const CodeState& entry : kCodeStates)
        if (strcmp(entry.code, code) == 0) return entry.sqlstate;
    return ERRCODE_INTERNAL_ERROR;
}

void RaiseFailure(const Failure& failure) {
    const char* message = FromUtf8(failure.message);
    const char* detail = FromUtf8(failure.detail);
    const char* hint = FromUtf8(failure.hint);
    ereport(ERROR, (errcode(SqlStateOf(failure.code)), errmsg("%s", message),
                    detail[0] != '\0' ? errdetail("%s", detail) : 0,
                    hint[0] != '\0' ? errhint("%s", hint) : 0));
    pg_unreachable();
}

void RaiseBackupRunning(const Job& running) {
    const char* backup =
        running.backup[0] != '\0' ? psprintf("backup %s", running.backup) : "a backup that begins";
    // Whoever asked for it may have left.
    const pid_t pid = running.worker_pid != 0 ? running.worker_pid : running.request.requester_pid;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_IN_USE), errmsg("another backup is running"),
             errdetail("Process %d runs %s for user \"%s\" since %s.", pid, backup,
                       FromUtf8(running.request.requested_by), timestamptz_to_str(running.since)),
             errhint("Wait for it (agri_backup.progress shows it), or end it with "
                     "agri_cancel().")));
    pg_unreachable();
}

void RaiseNotPreloaded() {
    const char* others = GetConfigOption("shared_preload_libraries", true, false);
    bool has_others = others != nullptr && others[0] != '\0';
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("agri_backup is not preloaded"),
         errhint("Set shared_preload_libraries = '%s%sagri_backup' in postgresql.conf and "
                 "restart the server.",
                 has_others ? others : "", has_others ? ", " : "")));
    pg_unreachable();
}

void RaiseWrongDatabase(const char* current) {
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("agri_backup acts in database \"%s\", not in \"%s\"", settings.database, current),
         errhint("Connect to database \"%s\" and run CREATE EXTENSION agri_backup there, or set "
                 "agri_backup.database = '%s' in postgresql.conf and reload the server.",
                 settings.database, current)));
    pg_unreachable();
}

}  // namespace agri::pg

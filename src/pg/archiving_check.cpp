// See archiving_check.hpp.
#include "pg/archiving_check.hpp"

#include "pg/server.hpp"
#include "pg/settings.hpp"

namespace agri::pg {

namespace {

const char* Setting(const char* name) {
    const char* value = GetConfigOption(name, false, false);
    return value != nullptr ? value : "";
}

bool IsOurLibrary(const char* library) {
    const char* slash = strrchr(library, '/');
    const char* name = slash != nullptr ? slash + 1 : library;
    return strcmp(name, "agri_backup") == 0 || strcmp(name, "agri_backup.so") == 0;
}

[[noreturn]] void Refuse(const char* problem, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot take a backup: %s", problem),
                    errdetail("A backup needs the WAL that is written while it is taken, and this "
                              "server does not archive it."),
                    errhint("%s", hint)));
    pg_unreachable();
}

}  // namespace

void RequireArchiving() {
    Obstacle obstacle = FindObstacle();
    if (obstacle.kind == Obstacle::Kind::kClone)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot take a backup: %s", obstacle.message),
                        errhint("%s", obstacle.hint)));
    if (RecoveryInProgress()) return;
    if (strcmp(Setting("wal_level"), "minimal") == 0)
        Refuse("wal_level is minimal",
               "Set wal_level = replica, archive_mode = on and archive_library = 'agri_backup' in "
               "postgresql.conf and restart the server.");
    if (strcmp(Setting("archive_mode"), "off") == 0)
        Refuse("archive_mode is off",
               "Set archive_mode = on and archive_library = 'agri_backup' in postgresql.conf and "
               "restart the server.");
    const char* library = Setting("archive_library");
    // A command may well be a script of the user's around "agri_backup wal-push".
    if (library[0] == '\0' && Setting("archive_command")[0] != '\0') return;
    if (IsOurLibrary(library)) return;
    Refuse(library[0] == '\0' ? "archive_library is not set"
                              : psprintf("archive_library is \"%s\"", library),
           "Set archive_library = 'agri_backup' and archive_command = '' in postgresql.conf and "
           "reload the server.");
}

}  // namespace agri::pg

// Definitions of the parameters. All of them take effect on reload: the supervisor passes them on
// to the archiving process, and each job gets those of its start.
#include "pg/settings.hpp"

#include "pg/server.hpp"

namespace agri::pg {

Settings settings;

namespace {

constexpr char kFileScheme[] = "file:///";

const config_enum_entry kLogLevels[] = {{"debug", 0, false},
                                        {"info", 1, false},
                                        {"warning", 2, false},
                                        {"error", 3, false},
                                        {nullptr, 0, false}};

bool CheckFileUri(char** value, void** /*extra*/, GucSource /*source*/) {
    if (**value == '\0' || strncmp(*value, kFileScheme, strlen(kFileScheme)) == 0) return true;
    GUC_check_errdetail("The value must begin with \"%s\".", kFileScheme);
    GUC_check_errhint(
        "Write an absolute path after \"file://\", for example \"file:///backup/main\".");
    return false;
}

bool CheckClusterName(char** value, void** /*extra*/, GucSource /*source*/) {
    // The repository's rule (repo::CheckClusterName): a name is a folder there.
    const char* allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(*value);
    if (length > 0 && length <= 63 && strspn(*value, allowed) == length && **value != '_' &&
        **value != '-')
        return true;
    GUC_check_errdetail(
        "A cluster name has 1 to 63 characters of a-z, 0-9, \"_\" and \"-\", and begins with a "
        "letter or a digit.");
    return false;
}

bool CheckAbsolutePath(char** value, void** /*extra*/, GucSource /*source*/) {
    if (**value == '\0' || is_absolute_path(*value)) return true;
    GUC_check_errdetail("The value must be an absolute path.");
    return false;
}

void DefineString(const char* name, const char* short_text, const char* long_text, char** variable,
                  const char* boot_value, GucStringCheckHook check) {
    DefineCustomStringVariable(name, short_text, long_text, variable, boot_value, PGC_SIGHUP, 0,
                               check, nullptr, nullptr);
}

struct IntRange {
    int boot, low, high;
};

void DefineInt(const char* name, const char* short_text, const char* long_text, int* variable,
               IntRange range, GucContext context, int flags) {
    DefineCustomIntVariable(name, short_text, long_text, variable, range.boot, range.low,
                            range.high, context, flags, nullptr, nullptr, nullptr);
}

void DefineWhere() {
    DefineString("agri_backup.repository", "Repository that backups and WAL go to.",
                 "A URI such as file:///backup/main. Empty: the configuration file names it.",
                 &settings.repository, "", CheckFileUri);
    DefineString(
        "agri_backup.key", "File that holds the key which seals the repository.",
        "A URI such as file:///etc/agri_backup/main.key, outside the data directory and the "
        "repository. Make one with \"agri_backup key create\".",
        &settings.key, "", CheckFileUri);
    DefineCustomBoolVariable("agri_backup.encryption",
                             "Seals everything that goes to the repository.",
                             "Without it, whoever reads the repository reads the database.",
                             &settings.encryption, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineString("agri_backup.cluster", "Name of this cluster in its repository.",
                 "Several clusters can share a repository under different names.",
                 &settings.cluster, "main", CheckClusterName);
    DefineString("agri_backup.config_file", "Configuration file that server and program share.",
                 "Empty: /etc/agri_backup/CLUSTER.conf, when there is one.", &settings.config_file,
                 "", CheckAbsolutePath);
    DefineString(
        "agri_backup.database", "Database in which the functions of agri_backup act.",
        "CREATE EXTENSION agri_backup belongs there; backups always cover the whole cluster.",
        &settings.database, "postgres", nullptr);
}

void DefineEffort() {
    DefineInt("agri_backup.compression_level", "Compression level (zstd).",
              "From -7, the fastest, to 19, the smallest.", &settings.compression_level,
              {1, -7, 19}, PGC_SIGHUP, 0);
    DefineInt("agri_backup.parallel", "Threads that a backup or the archiving of WAL uses.",
              "0 means as many as there are CPUs, at most 8.", &settings.parallel, {0, 0, 64},
              PGC_SIGHUP, 0);
    DefineInt("agri_backup.memory_limit", "Memory that each process of agri_backup may use.",
              "All buffers are included, whatever the size of the database.",
              &settings.memory_limit_kb, {256 * 1024, 64 * 1024, INT_MAX}, PGC_SIGHUP, GUC_UNIT_KB);
    DefineInt("agri_backup.rate_limit", "Bytes a second to and from the repository.",
              "0 means no limit.", &settings.rate_limit_kb, {0, 0, INT_MAX}, PGC_SIGHUP,
              GUC_UNIT_KB);
    DefineInt("agri_backup.wait_limit", "Longest time that agri_backup_now() waits for its backup.",
              "After it the backup goes on, and a notice says so. Its caller holds back vacuum as "
              "long as "
              "it waits; CALL agri_backup() waits to the end and does not.",
              &settings.wait_limit_s, {300, 0, INT_MAX / 1000}, PGC_USERSET, GUC_UNIT_S);
    DefineInt("agri_backup.archive_deadline",
              "Longest silence of the archiving process before a WAL file counts as not archived.",
              "PostgreSQL then tries again; a slow repository is no silence.",
              &settings.archive_deadline_s, {60, 10, 3600}, PGC_SIGHUP, GUC_UNIT_S);
    // For tests, as the server has developer options; shown to nobody who does not ask.
    DefineInt("agri_backup.debug_schedule_offset", "What the clock of schedules is ahead by.",
              "Only for tests: runs that were due in another time are taken for due.",
              &settings.schedule_clock_offset_s, {0, -INT_MAX, INT_MAX}, PGC_SIGHUP,
              GUC_UNIT_S | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE);
    DefineInt("agri_backup.debug_lease_time", "How long a lease outlives its last renewal.",
              "Only for tests: all servers of a repository need the same.",
              &settings.lease_time_ms, {60000, 100, INT_MAX}, PGC_SIGHUP,
              GUC_UNIT_MS | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE);
    DefineCustomEnumVariable("agri_backup.log_level", "What the processes of agri_backup log.",
                             "Their messages go to the server's log.", &settings.log_level, 1,
                             kLogLevels, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

}  // namespace

void DefineSettings() {
    DefineWhere();
    DefineEffort();
    MarkGUCPrefixReserved("agri_backup");
}

}  // namespace agri::pg

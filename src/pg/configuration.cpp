// What follows from the parameters: the obstacle that keeps everything from working, the
// configuration file in force, and the CONFIG message for a process.
#include <unistd.h>

#include "pg/channel.hpp"
#include "pg/files.hpp"
#include "pg/server.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/xlog.h"
#include "utils/guc_tables.h"
}

namespace agri::pg {

namespace {

// Those that the processes know, by their names without prefix.
const char* const kSharedSettings[] = {
    "repository", "key",          "encryption", "cluster",  "compression_level",
    "parallel",   "memory_limit", "rate_limit", "log_level"};
constexpr size_t kMaxRoleBytes = 4096;

// A value that nobody set must not outrank the configuration file's, so it is not sent.
bool IsSet(const char* name) {
#if PG_VERSION_NUM >= 160000
    config_generic* option = find_option(name, false, true, 0);
    return option != nullptr && option->source != PGC_S_DEFAULT;
#else
    config_generic** options = get_guc_variables();
    for (int i = 0; i < GetNumConfigOptions(); ++i)
        if (strcmp(options[i]->name, name) == 0) return options[i]->source != PGC_S_DEFAULT;
    return false;
#endif
}

// `restore --as clone` writes {"role":"clone"}; any other role archives.
bool IsClone() {
    char* text = ReadRuntimeFile("role", kMaxRoleBytes);
    bool is_clone = text != nullptr && strstr(text, "\"clone\"") != nullptr;
    if (text != nullptr) pfree(text);
    return is_clone;
}

// `restore --as clone` switches archiving off; somebody may have switched it on again.
const char* CloneHint() {
    if (XLogArchiveMode == ARCHIVE_MODE_OFF)
        return "Nothing needs to be done. If this server shall be the one that writes, run "
               "\"agri_backup adopt\".";
    return "Set archive_mode = off and restart the server: WAL that is not archived is kept. If "
           "this server shall be the one that writes, run \"agri_backup adopt\".";
}

Obstacle NoRepository() {
    static char hint[MAXPGPATH + 256];
    snprintf(hint, sizeof(hint),
             "Set agri_backup.repository and agri_backup.key in postgresql.conf to URIs such as "
             "'file:///backup/main', or write /etc/agri_backup/%s.conf; then reload the server.",
             settings.cluster);
    return {Obstacle::Kind::kNotConfigured, "no repository is configured", hint};
}

}  // namespace

const char* ConfigFileInForce() {
    static char path[MAXPGPATH];
    if (settings.config_file[0] != '\0') return settings.config_file;
    snprintf(path, sizeof(path), "/etc/agri_backup/%s.conf", settings.cluster);
    return access(path, R_OK) == 0 ? path : "";
}

Obstacle FindObstacle() {
    if (IsClone())
        return {Obstacle::Kind::kClone,
                "this server was restored as a clone: it writes nothing into the repository",
                CloneHint()};
    if (ConfigFileInForce()[0] != '\0') return {Obstacle::Kind::kNone, nullptr, nullptr};
    if (settings.repository[0] == '\0') return NoRepository();
    if (settings.encryption && settings.key[0] == '\0')
        return {Obstacle::Kind::kNotConfigured, "agri_backup.key is not set",
                "Make a key with \"agri_backup key create FILE\" and set agri_backup.key = "
                "'file://FILE', "
                "or set agri_backup.encryption = off to store everything unsealed; then reload the "
                "server."};
    return {Obstacle::Kind::kNone, nullptr, nullptr};
}

void SendConfig(Channel* channel) {
    channel->Begin("CONFIG").Add("data_directory", DataDir);
    char identifier[32];
    snprintf(identifier, sizeof(identifier), UINT64_FORMAT, GetSystemIdentifier());
    channel->Add("system_identifier", identifier)
        .Add("server_version_num", GetConfigOption("server_version_num", false, false))
        .Add("wal_segment_size", static_cast<long long>(wal_segment_size))
        .Add("postmaster_pid", static_cast<long long>(PostmasterPid))
        .Add("config_file", ConfigFileInForce());
    for (const char* name : kSharedSettings) {
        char* full_name = psprintf("agri_backup.%s", name);
        if (IsSet(full_name)) {
            char* value = GetConfigOptionByName(full_name, nullptr, false);
            channel->Add(name, value);
            pfree(value);
        }
        pfree(full_name);
    }
    if (IsSet("agri_backup.debug_lease_time"))
        channel->Add("debug_lease_time", static_cast<long long>(settings.lease_time_ms));
    channel->End();
}

}  // namespace agri::pg

// The agri_backup.* parameters, and what follows from them before any process is asked: whether
// enough is set to work at all. The parameters tell where keys and repositories are, never what a
// credential is.
#pragma once

namespace agri::pg {

class Channel;

// Current values; strings are never null once DefineSettings() ran.
struct Settings {
    char* repository;
    char* key;
    bool encryption;
    char* cluster;
    char* config_file;
    int compression_level;
    int parallel;
    int memory_limit_kb;
    int rate_limit_kb;
    int log_level;
    char* database;
    int wait_limit_s;
    int archive_deadline_s;
    int schedule_clock_offset_s;
    int lease_time_ms;
};
extern Settings settings;

void DefineSettings();

// Why no work is possible with these settings, in words for a log line, a view and an error.
// message is nullptr when nothing is wrong; the texts live until the next call.
struct Obstacle {
    enum class Kind { kNone, kNotConfigured, kClone } kind;
    const char* message;
    const char* hint;
};
Obstacle FindObstacle();

// The configuration file in force: the parameter, else /etc/agri_backup/CLUSTER.conf when it can be
// read, else "". Lives until the next call.
const char* ConfigFileInForce();

// Queues CONFIG: the server's identity and every parameter that was set. May raise errors.
void SendConfig(Channel* channel);

}  // namespace agri::pg

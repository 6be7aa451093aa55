// See files.hpp. The server's working folder is the data directory, so paths are relative to it.
#include "pg/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pg/server.hpp"

namespace agri::pg {

namespace {

void FormatPath(char (&path)[MAXPGPATH], const char* name) {
    snprintf(path, sizeof(path), "%s/%s", kRuntimeFolder, name);
}

size_t SizeOf(int fd, const char* path, size_t max_bytes) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat file \"%s\": %m", path)));
    if (static_cast<size_t>(status.st_size) > max_bytes)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("file \"%s\" is too large", path),
                 errdetail("It has %zu bytes; at most %zu are read.",
                           static_cast<size_t>(status.st_size), max_bytes)));
    return static_cast<size_t>(status.st_size);
}

}  // namespace

char* ReadRuntimeFile(const char* name, size_t max_bytes) {
    char path[MAXPGPATH];
    FormatPath(path, name);
    int fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return nullptr;
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
    }
    size_t size = SizeOf(fd, path, max_bytes);
    auto* text = static_cast<char*>(palloc(size + 1));
    size_t length = 0;
    while (length < size) {
        ssize_t count = read(fd, text + length, size - length);
        if (count == 0) break;
        if (count > 0) {
            length += static_cast<size_t>(count);
        } else if (errno != EINTR) {
            ereport(ERROR,
                    (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", path)));
        }
    }
    text[length] = '\0';
    CloseTransientFile(fd);
    return text;
}

void RemoveRuntimeFile(const char* name) {
    char path[MAXPGPATH];
    FormatPath(path, name);
    (void)unlink(path);
}

void SweepJobFiles(bool (*keep)(const char* job)) {
    char folder[MAXPGPATH];
    FormatPath(folder, "jobs");
    DIR* entries = AllocateDir(folder);
    if (entries == nullptr) return;
    while (dirent* entry = ReadDirExtended(entries, folder, LOG)) {
        char job[NAMEDATALEN];
        strlcpy(job, entry->d_name, sizeof(job));
        job[strcspn(job, ".")] = '\0';
        if (job[0] == '\0' || keep(job)) continue;
        char path[MAXPGPATH];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    FreeDir(entries);
}

}  // namespace agri::pg

#include "engine/restore_notes.hpp"

#include <gnu/libc-version.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "base/count.hpp"
#include "engine/file_entry.hpp"
#include "engine/start_command.hpp"
#include "engine/walk_plan.hpp"
#include "repo/user_key.hpp"

namespace agri::engine {

namespace {

using Notes = std::vector<std::string>;
using repo::format::ManifestHeader;

bool IsKnown(std::string_view version) { return !version.empty() && version != "unknown"; }

// ICU is not compared: the server itself warns of each collation whose version changed.
void NoteCollations(const ManifestHeader& backup, Notes& notes) {
    const std::string glibc = gnu_get_libc_version();
    if (IsKnown(backup.glibc_version()) && backup.glibc_version() != glibc)
        notes.push_back(fmt::format(
            "the backup was made with glibc {} and this machine has {}: text may sort differently, "
            "so "
            "check indexes with amcheck and rebuild those on text (REINDEX) before using them",
            backup.glibc_version(), glibc));
}

void NoteMachine(const ManifestHeader& backup, Notes& notes) {
    utsname system;
    if (uname(&system) == 0 && IsKnown(backup.architecture()) &&
        backup.architecture() != system.machine)
        notes.push_back(fmt::format(
            "the backup was made on {} and this machine is {}: PostgreSQL's files are not portable "
            "between architectures, and the server may refuse them",
            backup.architecture(), system.machine));
}

// "postgres (PostgreSQL) 15.20 (Debian …)" → 150020.
uint32_t VersionNumber(const std::string& text) {
    const size_t begin = text.find_first_of("0123456789");
    if (begin == std::string::npos) return 0;
    std::istringstream stream(text.substr(begin));
    uint32_t major = 0, minor = 0;
    char dot = 0;
    stream >> major >> dot >> minor;
    return major * 10000 + (dot == '.' ? minor : 0);
}

void NotePrograms(const ManifestHeader& backup, const std::string& bin_folder, Notes& notes) {
    const uint32_t major = backup.server_version_num() / 10000;
    if (bin_folder.empty()) {
        notes.push_back(fmt::format(
            "no programs of PostgreSQL {} were found on this machine; only that major version can "
            "start this cluster",
            major));
        return;
    }
    const uint32_t here = VersionNumber(FirstLineOf(bin_folder + "/postgres", "--version"));
    if (here != 0 && here / 10000 == major && here < backup.server_version_num())
        notes.push_back(fmt::format(
            "the backup was made with PostgreSQL {}.{} and this machine has the older {}.{}", major,
            backup.server_version_num() % 10000, major, here % 10000));
    const std::string libraries = FirstLineOf(bin_folder + "/pg_config", "--pkglibdir");
    if (libraries.empty()) return;
    std::istringstream names(backup.preload_libraries());
    for (std::string name; std::getline(names, name, ',');) {
        std::erase_if(name, [](char c) { return c == ' ' || c == '"'; });
        if (name.empty() || name.find('/') != std::string::npos) continue;
        std::error_code error;
        if (!std::filesystem::exists(fmt::format("{}/{}.so", libraries, name), error))
            notes.push_back(
                fmt::format("shared_preload_libraries names \"{}\", which is not installed here: "
                            "the server will "
                            "not start without it",
                            name));
    }
}

void NoteOwners(const NotesInput& input, Notes& notes) {
    std::string unknown;
    for (const std::string& name : input.owners.unknown())
        unknown += (unknown.empty() ? "" : ", ") + name;
    if (!unknown.empty())
        notes.push_back(
            fmt::format("this machine does not know {}: the files belong to root, and PostgreSQL "
                        "refuses to run "
                        "on them; give them to the user that runs the server (chown -R)",
                        unknown));
}

// Root reads every key; the server that root restored, only its own.
void NoteKey(const NotesInput& input, Notes& notes) {
    struct stat folder {};
    const std::string& path = input.layout.folders().front().path;
    if (geteuid() != 0 || stat(path.c_str(), &folder) != 0 || folder.st_uid == 0) return;
    OwnerNames names;
    for (const RepositorySettings& repository : input.settings.repositories)
        if (!repository.key_uri.empty() &&
            !repo::IsKeyReadableBy(repository.key_uri, folder.st_uid, folder.st_gid))
            notes.push_back(fmt::format(
                "the server will run as {}, who cannot read the key \"{}\" and so could fetch no "
                "WAL: give the key to that user (chown) first",
                names.User(folder.st_uid), repository.key_uri));
}

void NotePlaces(const NotesInput& input, Notes& notes) {
    for (const auto& root : input.manifest.header().roots()) {
        if (root.kind() == repo::format::FileRoot::WAL && !input.layout.wal_folder())
            notes.push_back(
                fmt::format("pg_wal was at \"{}\"; it is inside the data directory now (--wal-dir "
                            "puts it elsewhere)",
                            PrintablePath(root.path())));
        if (root.kind() == repo::format::FileRoot::EXTRA)
            notes.push_back(fmt::format("files of \"{}\" were put into {}/{}",
                                        PrintablePath(root.path()),
                                        input.layout.folders().front().path, kExtraFolder));
    }
}

void NotePages(const repo::ManifestReader& manifest, Notes& notes) {
    const uint64_t failures = manifest.header().statistics().page_failures();
    if (failures == 0) return;
    std::string first;
    if (!manifest.page_failures().empty()) {
        const auto& page = manifest.page_failures().front();
        first = fmt::format(", the first is block {} of \"{}\" ({})", page.block(),
                            PrintablePath(page.path()),
                            page.relation().empty() ? "unknown relation" : page.relation());
    }
    notes.push_back(
        fmt::format("{} already had wrong checksums when the backup was made{}; restored as found",
                    base::Count(failures, "page"), first));
}

}  // namespace

Notes MakeRestoreNotes(const NotesInput& input) {
    Notes notes;
    const ManifestHeader& backup = input.manifest.header();
    NoteOwners(input, notes);
    NoteCollations(backup, notes);
    NoteMachine(backup, notes);
    NotePrograms(backup, input.bin_folder, notes);
    NoteKey(input, notes);
    NotePlaces(input, notes);
    NotePages(input.manifest, notes);
    if (input.request.role == RestoreRole::kClone)
        notes.push_back(
            "the clone neither archives WAL, nor runs schedules, nor replicates what it subscribes "
            "to (archive_mode = off, max_logical_replication_workers = 0)");
    return notes;
}

}  // namespace agri::engine

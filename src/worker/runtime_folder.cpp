// The runtime folder. Everything in it can be lost: what matters is in the repository.
#include "worker/runtime_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <string_view>

#include "base/file.hpp"
#include "base/json.hpp"

namespace agri::worker {

using base::Status;
using nlohmann::json;

namespace {

constexpr uint64_t kLargestState = 64u << 20;
// Long enough for whoever asked for a job to read what it left.
constexpr time_t kSecondsToRead = 3600;
constexpr time_t kSecondsToNotice = 60;

bool IsGone(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

bool IsLeftOver(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return false;
    time_t age = time(nullptr) - info.st_mtime;
    if (age > kSecondsToRead && (path.ends_with(".rows.json") || path.ends_with(".tmp")))
        return true;
    if (age < kSecondsToNotice || !path.ends_with(".json") || path.ends_with(".rows.json"))
        return false;
    json document = ReadState(path);
    if (!document.is_object() || !document["pid"].is_number_integer()) return age > kSecondsToRead;
    return IsGone(document["pid"].get<pid_t>());
}

}  // namespace

Status EnterDataDirectory(const std::string& data_directory) {
    if (chdir(data_directory.c_str()) != 0)
        return base::ErrnoError(errno, fmt::format("could not enter \"{}\"", data_directory));
    for (const char* folder : {kRuntimeFolder, kStateFolder, kJobsFolder})
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return base::ErrnoError(
                errno, fmt::format("could not create folder \"{}/{}\"", data_directory, folder));
    return {};
}

Status WriteState(const std::string& path, const json& document) {
    std::string text = base::ToLine(document);
    return base::ReplaceFileNoSync(path, base::AsBytes(text), 0600);
}

json ReadState(const std::string& path) {
    auto bytes = base::ReadWholeFile(path, kLargestState);
    if (!bytes) return nullptr;
    json document = base::ParseJson(base::AsText(*bytes));
    return document.is_discarded() ? json(nullptr) : document;
}

void RemoveDeadJobs() {
    std::error_code failed;
    std::filesystem::directory_iterator entries(kJobsFolder, failed), end;
    for (; !failed && entries != end; entries.increment(failed)) {
        std::string path = entries->path().string();
        if (IsLeftOver(path)) unlink(path.c_str());
    }
}

}  // namespace agri::worker

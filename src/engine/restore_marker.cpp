#include "engine/restore_marker.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json.hpp"
#include "engine/restore_layout.hpp"

namespace agri::engine {

using base::Fd;
using base::Result;
using base::Status;

namespace {

constexpr uint64_t kMaxMarkerBytes = 16u << 20;

}  // namespace

std::optional<RestoreMarker> ReadMarker(const std::string& data_directory) {
    const std::string path = fmt::format("{}/{}", data_directory, kRestoreMarker);
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return std::nullopt;
    auto content = base::ReadWholeFile(path, kMaxMarkerBytes);
    if (!content) return RestoreMarker{};
    const auto json = base::ParseJson(base::AsText(*content));
    if (!json.is_object()) return RestoreMarker{};
    const auto text = [&](const char* key) {
        auto found = json.find(key);
        return found != json.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
    };
    RestoreMarker marker{text("backup_id"), text("started"), {}};
    if (auto found = json.find("folders"); found != json.end() && found->is_array())
        for (const auto& folder : *found)
            if (folder.is_string()) marker.folders.push_back(folder.get<std::string>());
    return marker;
}

Result<Fd> PlaceMarker(const TargetFolder& folder, const std::string& backup_id,
                       const std::vector<std::string>& folders, const base::Clock& clock) {
    const std::string full = folder.Full(kRestoreMarker);
    AGRI_ASSIGN(Fd fd, base::OpenFileAt(folder.fd(), std::string(kRestoreMarker),
                                        O_RDWR | O_CREAT | O_NOFOLLOW, 0600, full));
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return base::ErrnoError(errno, fmt::format("could not lock \"{}\"", full));
        return base::MakeError(base::ErrorCode::kBusy, "another restore into \"{}\" is running",
                               folder.path());
    }
    const nlohmann::json json = {{"backup_id", backup_id},
                                 {"folders", folders},
                                 {"started", base::FormatTime(clock.Now())},
                                 {"pid", getpid()}};
    const std::string text = base::ToLine(json) + "\n";
    // Never empty in between: what an unfinished restore wrote belongs to the backup it names.
    AGRI_TRY(base::WriteAllAt(fd.get(), 0, base::AsBytes(text), full));
    if (ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0)
        return base::ErrnoError(errno, fmt::format("could not truncate \"{}\"", full));
    AGRI_TRY(base::SyncFile(fd.get(), full));
    AGRI_TRY(base::SyncFile(folder.fd(), folder.path()));
    return fd;
}

Status RemoveMarker(const TargetFolder& folder) {
    AGRI_TRY(folder.RemoveFile(kRestoreMarker));
    return base::SyncFile(folder.fd(), folder.path());
}

}  // namespace agri::engine

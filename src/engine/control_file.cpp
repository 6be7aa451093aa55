#include "engine/control_file.hpp"

#include <fcntl.h>

#include "base/file.hpp"

namespace agri::engine {

namespace {

// As get_controlfile() of PostgreSQL 17's src/common/controldata_utils.c.
constexpr int kAttempts = 10;
constexpr std::chrono::milliseconds kPause{10};

base::Result<ControlImage> ReadOnce(const std::string& path) {
    ControlImage image;
    AGRI_ASSIGN(base::Fd fd, base::OpenFile(path, O_RDONLY));
    if (fstat(fd.get(), &image.info) != 0)
        return base::ErrnoError(errno, fmt::format("could not stat file \"{}\"", path));
    image.bytes.resize(wal::kControlFileBytes);
    AGRI_ASSIGN(size_t length, base::ReadAt(fd.get(), 0, image.bytes, path));
    image.bytes.resize(length);
    auto control = wal::ParseControlFile(image.bytes);
    if (!control) return std::move(control).error().In(fmt::format("file \"{}\"", path));
    image.control = std::move(*control);
    return image;
}

}  // namespace

base::Result<ControlImage> ReadControlImage(const std::string& data_directory,
                                            const base::CancelToken& cancel) {
    const std::string path = data_directory + "/global/pg_control";
    for (int attempt = 1;; ++attempt) {
        auto image = ReadOnce(path);
        if (image || image.error().code != base::ErrorCode::kCorrupt || attempt == kAttempts)
            return image;
        AGRI_TRY(cancel.WaitFor(kPause));
    }
}

bool IsInRecovery(const wal::ControlFile& control) {
    return control.state == wal::ClusterState::kInArchiveRecovery ||
           control.state == wal::ClusterState::kShutDownInRecovery;
}

base::Result<repo::ClusterIdentity> ReadIdentity(const std::string& data_directory,
                                                 const base::CancelToken& cancel) {
    AGRI_ASSIGN(const ControlImage image, ReadControlImage(data_directory, cancel));
    const wal::ControlFile& control = image.control;
    return repo::ClusterIdentity{control.system_identifier,
                                 static_cast<uint32_t>(control.major_version),
                                 control.wal_segment_size_bytes};
}

}  // namespace agri::engine

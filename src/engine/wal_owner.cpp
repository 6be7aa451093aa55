#include "engine/wal_owner.hpp"

#include <fcntl.h>

#include <array>

#include "base/file.hpp"
#include "engine/control_file.hpp"
#include "engine/folder.hpp"
#include "engine/server_role.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;
using base::WalFileKind;
using base::WalFileName;

namespace {

// A dead server's pg_control may be lost or damaged while its WAL is not: each segment is looked at
// when it is pushed.
Status CheckControlFile(const repo::Incarnation& incarnation, const std::string& data_directory,
                        const Context& context) {
    const auto image = ReadControlImage(data_directory, context.cancel);
    if (image)
        return CheckSystem(incarnation, image->control.system_identifier,
                           fmt::format("data directory \"{}\"", data_directory));
    if (image.error().code == ErrorCode::kCancelled) return image.error();
    if (image.error().code != ErrorCode::kNotFound)
        context.log->warn("{}", image.error().ToString());
    return {};
}

}  // namespace

Result<std::vector<WalFileName>> ListWalFiles(const std::string& folder) {
    AGRI_ASSIGN(const std::vector<std::string> names, ListNames(folder));
    std::vector<WalFileName> files;
    for (const std::string& name : names)
        if (std::optional<WalFileName> file = WalFileName::Parse(name))
            files.push_back(std::move(*file));
    return files;
}

Result<wal::SegmentHeader> ReadHeaderOf(const std::string& path) {
    AGRI_ASSIGN(const base::Fd fd, base::OpenFile(path, O_RDONLY));
    std::array<std::byte, wal::kLongPageHeaderBytes> page;
    AGRI_ASSIGN(const size_t length, base::ReadAt(fd.get(), 0, page, path));
    return wal::ReadSegmentHeader(base::ByteView(page).first(length));
}

std::string DataDirectoryOf(const std::string& folder) {
    std::string path = folder;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    const size_t slash = path.rfind('/');
    const std::string name = path.substr(slash + 1);
    if (name == "." || name == "..") return path + "/..";
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Status CheckSystem(const repo::Incarnation& incarnation, uint64_t system_identifier,
                   const std::string& what) {
    const uint64_t known = incarnation.info().system_identifier();
    if (system_identifier == known) return {};
    return MakeError(ErrorCode::kConflict,
                     "{} is of another database system: its system identifier is {}, but cluster "
                     "\"{}\" in this repository is {}",
                     what, system_identifier, incarnation.cluster(), known)
        .WithHint("Nothing was archived. Another server needs another cluster name.");
}

Status CheckWalOwner(const repo::Incarnation& incarnation, const std::string& folder,
                     const Context& context) {
    const std::string data_directory = DataDirectoryOf(folder);
    AGRI_TRY(CheckMayWrite(data_directory));
    AGRI_TRY(CheckControlFile(incarnation, data_directory, context));
    AGRI_ASSIGN(const std::vector<WalFileName> files, ListWalFiles(folder));
    for (const WalFileName& file : files) {
        if (file.kind != WalFileKind::kSegment && file.kind != WalFileKind::kPartial) continue;
        const std::string path = folder + "/" + file.name;
        const auto header = ReadHeaderOf(path);
        if (header)
            AGRI_TRY(CheckSystem(incarnation, header->system_identifier,
                                 fmt::format("WAL file \"{}\"", path)));
        // What is damaged tells nothing; another major version's does.
        else if (header.error().code == ErrorCode::kUnsupported)
            return base::Error(header.error()).In(fmt::format("WAL file \"{}\"", path));
    }
    return {};
}

}  // namespace agri::engine

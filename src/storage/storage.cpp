// What every storage has for free, and the way from a URI to a driver.
#include "storage/storage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "storage/posix_storage.hpp"

namespace agri::storage {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kFileScheme = "file://";

// RFC 3986, 2.1: a path in a URI may hold any byte as %XX.
Result<std::string> PercentDecode(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        std::byte value;
        if (i + 2 >= text.size() || !base::FromHex(text.substr(i + 1, 2), {&value, 1}) ||
            value == std::byte{0})
            return MakeError(ErrorCode::kInvalidArgument, "invalid percent sign in repository URI")
                .WithHint("Write a percent sign in a path as %25.");
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

// The URI itself is left out of messages: another scheme's might hold a password.
Result<std::string> ParseFileUri(std::string_view uri) {
    if (!uri.starts_with(kFileScheme))
        return MakeError(ErrorCode::kUnsupported, "repository URI has an unknown scheme")
            .WithHint("Known is \"file:///absolute/folder\".");
    AGRI_ASSIGN(std::string path, PercentDecode(uri.substr(kFileScheme.size())));
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos)
        return MakeError(ErrorCode::kInvalidArgument, "repository URI holds no absolute path")
            .WithHint("Write three slashes: \"file:///absolute/folder\".");
    return path;
}

// By its descriptor, which is a folder's: whoever may write beside it could have put a link or
// another file in its place meanwhile.
Status GiveToOwnerOf(const std::string& other, const std::string& folder) {
    if (other.empty() || geteuid() != 0) return {};
    struct stat info;
    const base::Fd fd = base::OpenAt(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd && stat(other.c_str(), &info) == 0 && fchown(fd.get(), info.st_uid, info.st_gid) == 0)
        return {};
    return base::ErrnoError(
        errno, fmt::format("could not give \"{}\" to the owner of \"{}\"", folder, other));
}

}  // namespace

Result<PutOutcome> Storage::Put(std::string_view key, base::ByteView data) {
    AGRI_ASSIGN(auto writer, Create(key));
    AGRI_TRY(writer->Append(data));
    return writer->Commit();
}

Result<base::Bytes> Storage::Get(std::string_view key, uint64_t limit_bytes) {
    AGRI_ASSIGN(auto reader, Open(key));
    if (reader->size_bytes() > limit_bytes)
        return MakeError(ErrorCode::kCorrupt, "object \"{}\" of {} is too large", key, Describe())
            .WithDetail(fmt::format("It has {} bytes where at most {} are possible.",
                                    reader->size_bytes(), limit_bytes));
    base::Bytes content(reader->size_bytes());
    AGRI_TRY(reader->Read(0, content));
    return content;
}

Result<std::unique_ptr<Storage>> OpenStorage(std::string_view uri) {
    AGRI_ASSIGN(std::string path, ParseFileUri(uri));
    return PosixStorage::Open(std::move(path));
}

Result<std::unique_ptr<Storage>> CreateStorage(std::string_view uri,
                                               const std::string& for_owner_of) {
    AGRI_ASSIGN(std::string path, ParseFileUri(uri));
    int error_number = mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
    if (error_number == ENOENT)
        return MakeError(ErrorCode::kNotInitialized, "parent folder of \"{}\" does not exist", path)
            .WithHint("Check that the file system is mounted, or create the parent folder.");
    if (error_number != 0 && error_number != EEXIST)
        return base::ErrnoError(error_number, fmt::format("could not create folder \"{}\"", path));
    if (error_number == 0) AGRI_TRY(GiveToOwnerOf(for_owner_of, path));
    // Also when it was there: it may have been made a moment ago. Its maker's parent folder may be
    // closed to us though.
    std::string parent = path.substr(0, path.rfind('/'));
    Status synced = base::SyncDirectory(parent.empty() ? "/" : parent);
    if (!synced && (error_number == 0 || synced.error().code != ErrorCode::kPermission))
        return synced.error();
    return PosixStorage::Open(std::move(path));
}

}  // namespace agri::storage

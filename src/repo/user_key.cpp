// Reads, makes and places the user's key file.
#include "repo/user_key.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/file.hpp"
#include "codec/sealing.hpp"
#include "repo/place.hpp"

namespace agri::repo {

namespace {

constexpr std::string_view kKeyPrefix = "agri_backup-key-1:";
constexpr std::string_view kAnyKeyPrefix = "agri_backup-key-";
constexpr size_t kMaxKeyFileBytes = 256;
constexpr mode_t kForbiddenModeBits = 0777 & ~(0700 | 0040);

base::Result<std::string> KeyPath(std::string_view uri) {
    auto path = PathOfFileUri(uri);
    if (path) return std::move(*path);
    return base::Error(base::ErrorCode::kUnsupported, "key setting is no file URI")
        .WithHint("Write \"file:///etc/agri_backup/main.key\", with an absolute path.");
}

base::Error Malformed(const std::string& path) {
    return base::MakeError(base::ErrorCode::kConfiguration, "file \"{}\" is not a key file", path)
        .WithHint("\"agri_backup key create FILE\" makes one. Is this the right file?");
}

base::Result<codec::Secret> ParseKey(std::string_view text, const std::string& path) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    codec::Secret key(codec::kKeyBytes);
    if (text.starts_with(kKeyPrefix) &&
        base::FromHex(text.substr(kKeyPrefix.size()), key.mutable_view()))
        return key;
    if (text.starts_with(kAnyKeyPrefix) && !text.starts_with(kKeyPrefix))
        return base::MakeError(base::ErrorCode::kUnsupported,
                               "key file \"{}\" is of a kind newer than this program understands",
                               path)
            .WithHint("Upgrade agri_backup on this machine.");
    return Malformed(path);
}

base::Status CheckMode(const base::Fd& fd, const std::string& path) {
    struct stat info;
    if (fstat(fd.get(), &info) != 0)
        return base::ErrnoError(errno, fmt::format("could not examine key file \"{}\"", path));
    if (!S_ISREG(info.st_mode)) return Malformed(path);
    if ((info.st_mode & kForbiddenModeBits) == 0) return {};
    return base::MakeError(base::ErrorCode::kConfiguration,
                           "key file \"{}\" has permissions that are too open ({:04o})", path,
                           info.st_mode & 0777)
        .WithHint(fmt::format(
            "Run \"chmod 0600 {}\", or 0640 to let one group read it. If others may have read it, "
            "begin a new repository with a new key: keys cannot be exchanged in this version.",
            path));
}

bool IsSameFolder(const std::filesystem::path& path, const struct stat& folder) {
    struct stat info;
    return stat(path.c_str(), &info) == 0 && info.st_dev == folder.st_dev &&
           info.st_ino == folder.st_ino;
}

// Compares real paths by name, and the folders on the way up by identity: a bind mount has another
// name for the same folder.
base::Result<bool> IsInside(const std::string& file, const std::string& folder) {
    if (folder.empty()) return false;
    AGRI_ASSIGN(const std::filesystem::path real_file, base::RealPath(file));
    AGRI_ASSIGN(const std::filesystem::path real_folder, base::RealPath(folder));
    struct stat folder_info;
    bool exists = stat(real_folder.c_str(), &folder_info) == 0;
    for (auto parent = real_file.parent_path();; parent = parent.parent_path()) {
        if (parent == real_folder || (exists && IsSameFolder(parent, folder_info))) return true;
        if (parent == parent.root_path()) return false;
    }
}

base::Error InDataDirectory(const std::string& key, std::string_view data_directory) {
    return base::MakeError(base::ErrorCode::kConfiguration,
                           "key file \"{}\" lies inside the data directory \"{}\"", key,
                           data_directory)
        .WithDetail("Backups would contain the key, and be lost together with it.")
        .WithHint("Put it elsewhere, for example into /etc/agri_backup, and keep a copy.");
}

base::Error InRepository(const std::string& key, std::string_view repository) {
    return base::MakeError(base::ErrorCode::kConfiguration,
                           "key file \"{}\" lies inside the repository \"{}\"", key, repository)
        .WithDetail("Whoever gets the repository would get the key to it.")
        .WithHint("Put it elsewhere, for example into /etc/agri_backup, and keep a copy.");
}

// Of a key that is to be made.
base::Status CheckNewPlace(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    if (!folder.empty() && access(folder.c_str(), F_OK) != 0 && errno == ENOENT)
        return base::MakeError(base::ErrorCode::kNotFound, "folder \"{}\" does not exist", folder)
            .WithHint(fmt::format("Make it first: mkdir -p {}", folder));
    AGRI_ASSIGN(const auto data_directory, EnclosingDataDirectory(path));
    if (data_directory) return InDataDirectory(path, *data_directory);
    AGRI_ASSIGN(const auto repository, EnclosingRepository(path));
    if (repository) return InRepository(path, *repository);
    return {};
}

}  // namespace

base::Result<std::string> PathOfKey(const std::string& place) {
    if (!place.starts_with("file:")) return place;
    return KeyPath(place);
}

base::Result<codec::Secret> LoadUserKey(std::string_view uri) {
    AGRI_ASSIGN(std::string path, KeyPath(uri));
    return LoadUserKeyFile(path);
}

base::Result<codec::Secret> LoadUserKeyFile(const std::string& path) {
    // Not blocking: a FIFO in its place shall not hold us up.
    auto fd = base::OpenFile(path, O_RDONLY | O_NONBLOCK);
    if (!fd && fd.error().code == base::ErrorCode::kNotFound)
        return base::MakeError(base::ErrorCode::kConfiguration, "key file \"{}\" does not exist",
                               path)
            .WithHint(
                "Bring the repository's key to this place. For a new repository, make one with "
                "\"agri_backup key create\".");
    if (!fd && fd.error().code == base::ErrorCode::kPermission)
        return std::move(fd).error().WithHint(
            "The user that the server runs as must own it. Give it to that user (chown), or run "
            "this as that user.");
    if (!fd) return std::move(fd).error();
    AGRI_TRY(CheckMode(*fd, path));
    codec::Secret content(kMaxKeyFileBytes);
    AGRI_ASSIGN(size_t bytes, base::ReadSome(fd->get(), content.mutable_view(), path));
    if (bytes == kMaxKeyFileBytes) return Malformed(path);
    return ParseKey(base::AsText(content.view().first(bytes)), path);
}

base::Status CreateUserKeyFile(const std::string& path, base::Random& random) {
    AGRI_TRY(CheckNewPlace(path));
    codec::Secret key(codec::kKeyBytes);
    random.Fill(key.mutable_view());
    codec::Secret line(kKeyPrefix.size() + 2 * codec::kKeyBytes + 1);
    char* at = reinterpret_cast<char*>(line.mutable_view().data());
    at += kKeyPrefix.copy(at, kKeyPrefix.size());
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (std::byte byte : key.view()) {
        *at++ = kDigits[std::to_integer<unsigned>(byte) >> 4];
        *at++ = kDigits[std::to_integer<unsigned>(byte) & 15];
    }
    *at = '\n';
    return base::CreateFileExclusively(path, line.view(), 0600);
}

base::Status CheckKeyLocation(std::string_view key_uri, std::string_view data_directory,
                              std::string_view repository_uri) {
    AGRI_ASSIGN(std::string key, KeyPath(key_uri));
    AGRI_ASSIGN(const bool is_in_data, IsInside(key, std::string(data_directory)));
    if (is_in_data) return InDataDirectory(key, data_directory);
    auto repository = PathOfFileUri(repository_uri);
    AGRI_ASSIGN(const bool is_in_repository, IsInside(key, repository.value_or("")));
    if (is_in_repository) return InRepository(key, *repository);
    return {};
}

bool IsKeyReadableBy(std::string_view key_uri, uid_t user, gid_t group) {
    auto path = KeyPath(key_uri);
    struct stat info {};
    if (!path || stat(path->c_str(), &info) != 0) return false;
    if (info.st_uid == user) return (info.st_mode & S_IRUSR) != 0;
    return info.st_gid == group && (info.st_mode & S_IRGRP) != 0;
}

}  // namespace agri::repo

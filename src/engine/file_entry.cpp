#include "engine/file_entry.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>

#include <vector>

#include "base/file.hpp"
#include "engine/file_owner.hpp"

namespace agri::engine {

namespace {

constexpr size_t kMaxAttributeBytes = 65536;  // the kernel's own limit

base::Status AttributesFailed(const std::string& path) {
    // There are none (any more), or they are none of ours.
    for (int none : {ENOTSUP, ENOSYS, ENODATA, ENOENT, ENOTDIR, EPERM, EACCES})
        if (errno == none) return {};
    return base::ErrnoError(
        errno, fmt::format("could not read attributes of \"{}\"", PrintablePath(path)));
}

// `list` and `get` are the f- or the l- variant of the calls, bound to their file.
template <class List, class Get>
base::Status ReadAttributes(List list, Get get, const std::string& path,
                            repo::format::FileEntry& entry) {
    // Almost every file has none, and asking for the size alone is cheap.
    ssize_t length = list(nullptr, 0);
    if (length < 0) return AttributesFailed(path);
    if (length == 0) return {};
    std::vector<char> names(kMaxAttributeBytes), value;
    length = list(names.data(), names.size());
    if (length < 0) return AttributesFailed(path);
    for (std::string_view left(names.data(), static_cast<size_t>(length)); !left.empty();) {
        const std::string name(left.substr(0, left.find('\0')));
        left.remove_prefix(name.size() + 1);
        if (!IsPortableAttribute(name)) continue;
        value.resize(kMaxAttributeBytes);
        const ssize_t size = get(name.c_str(), value.data(), value.size());
        if (size < 0) {
            AGRI_TRY(AttributesFailed(path));
            continue;
        }
        auto* added = entry.add_xattrs();
        added->set_name(name);
        added->set_value(value.data(), static_cast<size_t>(size));
    }
    return {};
}

}  // namespace

const std::string& OwnerNames::User(uid_t uid) {
    auto [known, is_new] = users_.try_emplace(uid);
    if (!is_new) return known->second;
    std::vector<char> buffer(kNameBufferBytes);
    passwd entry;
    passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        known->second = found->pw_name;
    return known->second;
}

const std::string& OwnerNames::Group(gid_t gid) {
    auto [known, is_new] = groups_.try_emplace(gid);
    if (!is_new) return known->second;
    std::vector<char> buffer(kNameBufferBytes);
    group entry;
    group* found = nullptr;
    if (getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        known->second = found->gr_name;
    return known->second;
}

repo::format::FileEntry MakeFileEntry(const WalkedFile& file, OwnerNames& owners) {
    repo::format::FileEntry entry;
    entry.set_root(file.root->root.id());
    entry.set_path(file.path);
    entry.set_type(file.type);
    entry.set_owner(owners.User(file.info.st_uid));
    entry.set_group(owners.Group(file.info.st_gid));
    SetFileFacts(file.info, entry);
    if (file.type != repo::format::REGULAR) entry.set_size(0);
    entry.set_link_target(file.link_target);
    return entry;
}

void SetFileFacts(const struct stat& info, repo::format::FileEntry& entry) {
    entry.set_mode(info.st_mode & 07777);
    entry.set_uid(info.st_uid);
    entry.set_gid(info.st_gid);
    entry.set_mtime_ns(int64_t{info.st_mtim.tv_sec} * base::kNanosecondsPerSecond +
                       info.st_mtim.tv_nsec);
    entry.set_size(static_cast<uint64_t>(info.st_size));
}

base::Status ReadFileAttributes(int fd, const std::string& path, repo::format::FileEntry& entry) {
    return ReadAttributes(
        [fd](char* out, size_t size) { return flistxattr(fd, out, size); },
        [fd](const char* name, char* out, size_t size) { return fgetxattr(fd, name, out, size); },
        path, entry);
}

base::Status ReadPathAttributes(const std::string& path, repo::format::FileEntry& entry) {
    return ReadAttributes(
        [&path](char* out, size_t size) { return llistxattr(path.c_str(), out, size); },
        [&path](const char* name, char* out, size_t size) {
            return lgetxattr(path.c_str(), name, out, size);
        },
        path, entry);
}

}  // namespace agri::engine

#include "engine/file_owner.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.hpp"

namespace agri::engine {

using base::ErrnoError;
using base::Status;

namespace {

constexpr mode_t kRestoredModeBits = 0777;  // no setuid, no sticky bits: a data directory has none

timespec ToTimespec(int64_t time_ns) {
    int64_t seconds = time_ns / base::kNanosecondsPerSecond, rest = time_ns % base::kNanosecondsPerSecond;
    if (rest < 0) {
        rest += base::kNanosecondsPerSecond;
        --seconds;
    }
    return {seconds, rest};
}

}  // namespace

bool IsPortableAttribute(std::string_view name) {
    return name.starts_with("user.") || name == "system.posix_acl_access" ||
           name == "system.posix_acl_default";
}

OwnerResolver::OwnerResolver() : is_root_(geteuid() == 0) {}

std::optional<uid_t> OwnerResolver::User(const std::string& name, uid_t recorded) {
    if (name.empty()) return recorded;
    auto [known, is_new] = users_.try_emplace(name);
    if (!is_new) return known->second;
    std::vector<char> buffer(kNameBufferBytes);
    passwd entry;
    passwd* found = nullptr;
    if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr)
        known->second = found->pw_uid;
    else
        unknown_.insert(fmt::format("user \"{}\"", name));
    return known->second;
}

std::optional<gid_t> OwnerResolver::Group(const std::string& name, gid_t recorded) {
    if (name.empty()) return recorded;
    auto [known, is_new] = groups_.try_emplace(name);
    if (!is_new) return known->second;
    std::vector<char> buffer(kNameBufferBytes);
    group entry;
    group* found = nullptr;
    if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr)
        known->second = found->gr_gid;
    else
        unknown_.insert(fmt::format("group \"{}\"", name));
    return known->second;
}

std::optional<FileOwner> OwnerResolver::Resolve(const repo::format::FileEntry& entry) {
    if (!is_root_) return std::nullopt;
    std::lock_guard lock(mutex_);
    const auto uid = User(entry.owner(), entry.uid());
    const auto gid = Group(entry.group(), entry.gid());
    if (!uid && !gid) return std::nullopt;
    return FileOwner{uid.value_or(static_cast<uid_t>(-1)), gid.value_or(static_cast<gid_t>(-1))};
}

std::vector<std::string> OwnerResolver::unknown() const {
    std::lock_guard lock(mutex_);
    return {unknown_.begin(), unknown_.end()};
}

Status ApplyMetadata(int fd, const repo::format::FileEntry& entry,
                     const std::optional<FileOwner>& owner, const std::string& full_path) {
    if (owner && fchown(fd, owner->uid, owner->gid) != 0)
        return ErrnoError(errno, fmt::format("could not set the owner of \"{}\"", full_path));
    if (fchmod(fd, entry.mode() & kRestoredModeBits) != 0)
        return ErrnoError(errno, fmt::format("could not set the mode of \"{}\"", full_path));
    for (const auto& attribute : entry.xattrs())
        if (IsPortableAttribute(attribute.name()))
            (void)fsetxattr(fd, attribute.name().c_str(), attribute.value().data(),
                            attribute.value().size(), 0);
    const timespec time = ToTimespec(entry.mtime_ns());
    const timespec times[2] = {time, time};
    if (futimens(fd, times) != 0)
        return ErrnoError(errno, fmt::format("could not set the times of \"{}\"", full_path));
    return {};
}

}  // namespace agri::engine

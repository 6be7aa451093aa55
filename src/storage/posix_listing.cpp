// Depth first, in sorted order. What is removed while listing is passed over; a link or a device in
// the repository is an error, for passing over it could hide objects that somebody moved behind it.
#include "storage/posix_listing.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace agri::storage {

using base::Fd;
using base::Result;
using base::Status;

namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const { closedir(directory); }
};

using Visit = std::function<Status(const ObjectInfo&)>;

// The mode of an entry, 0 when it is gone by now; d_type saves the stat where the filesystem knows
// it.
Result<mode_t> EntryMode(const PosixRoot& root, int folder_fd, const dirent& entry,
                         std::string_view key) {
    if (entry.d_type != DT_UNKNOWN) return static_cast<mode_t>(DTTOIF(entry.d_type));
    struct stat info;
    if (root.calls().fstatat(folder_fd, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return info.st_mode;
    if (errno == ENOENT) return mode_t{0};
    return root.Explain(errno, "examine", key);
}

Status ForEachEntry(const PosixRoot& root, int folder_fd, std::string_view folder,
                    const std::function<Status(const dirent&)>& visit) {
    // A descriptor of its own: the caller's may be shared, and so would be its position. ENOENT,
    // here and below: the folder was removed after the caller opened it, so it holds nothing.
    Fd fd = root.OpenIn(folder_fd, ".", O_RDONLY | O_DIRECTORY);
    if (!fd && errno == ENOENT) return {};
    std::unique_ptr<DIR, CloseDirectory> directory(fd ? fdopendir(fd.get()) : nullptr);
    if (!directory) return root.Explain(errno, "open folder", folder);
    fd.Release();
    while (true) {
        errno = 0;
        const dirent* entry = root.calls().readdir(directory.get());
        if (entry == nullptr) break;
        AGRI_TRY(visit(*entry));
    }
    if (errno != 0 && errno != ENOENT) return root.Explain(errno, "read folder", folder);
    return {};
}

Status ListFolder(const PosixRoot& root, int folder_fd, const std::string& prefix,
                  const Visit& visit);

Status ListSubfolder(const PosixRoot& root, int parent_fd, const std::string& name,
                     const std::string& prefix, const Visit& visit) {
    Fd fd = root.OpenIn(parent_fd, name.substr(0, name.size() - 1), O_RDONLY | O_DIRECTORY);
    if (fd) return ListFolder(root, fd.get(), prefix + name, visit);
    if (errno == ENOENT) return root.CheckPresent();
    return root.Explain(errno, "open folder", prefix + name);
}

Status ListFolder(const PosixRoot& root, int folder_fd, const std::string& prefix,
                  const Visit& visit) {
    AGRI_ASSIGN(std::vector<std::string> names, ReadFolder(root, folder_fd, prefix));
    for (const std::string& name : names) {
        if (name.back() == '/') {
            AGRI_TRY(ListSubfolder(root, folder_fd, name, prefix, visit));
            continue;
        }
        struct stat info;
        if (root.calls().fstatat(folder_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
            AGRI_TRY(visit({prefix + name, static_cast<uint64_t>(info.st_size)}));
        else if (errno != ENOENT)
            return root.Explain(errno, "examine", prefix + name);
    }
    return {};
}

}  // namespace

Result<std::vector<std::string>> ReadFolder(const PosixRoot& root, int folder_fd,
                                            std::string_view folder) {
    std::vector<std::string> names;
    AGRI_TRY(ForEachEntry(root, folder_fd, folder, [&](const dirent& entry) -> Status {
        std::string name = entry.d_name;
        if (!IsValidKey(name)) return {};
        std::string key = std::string(folder) + name;
        AGRI_ASSIGN(mode_t mode, EntryMode(root, folder_fd, entry, key));
        if (mode == 0) return {};
        if (!S_ISDIR(mode) && !S_ISREG(mode)) return root.ForeignFile(mode, key);
        names.push_back(S_ISDIR(mode) ? name + '/' : name);
        return {};
    }));
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::vector<std::string>> ReadNames(const PosixRoot& root, int folder_fd,
                                           std::string_view folder) {
    std::vector<std::string> names;
    AGRI_TRY(ForEachEntry(root, folder_fd, folder, [&](const dirent& entry) -> Status {
        std::string_view name = entry.d_name;
        if (name != "." && name != "..") names.emplace_back(name);
        return {};
    }));
    return names;
}

Status ListObjects(const PosixRoot& root, std::string_view prefix, const Visit& visit) {
    std::string_view folder = prefix.empty() ? prefix : prefix.substr(0, prefix.size() - 1);
    AGRI_ASSIGN(auto chain, root.OpenChain(folder, MissingFolders::kReport));
    if (!chain) return {};
    AGRI_TRY(ListFolder(root, root.FolderFd(*chain), std::string(prefix), visit));
    // A root that was deleted beneath us reads as empty.
    return root.CheckPresent();
}

}  // namespace agri::storage

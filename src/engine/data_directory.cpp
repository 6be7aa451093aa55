#include "engine/data_directory.hpp"

#include <sys/stat.h>

#include "base/file.hpp"
#include "engine/folder.hpp"
#include "engine/restore_layout.hpp"

namespace agri::engine {

using base::Result;

namespace {

bool IsLink(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

}  // namespace

Result<std::string> CanonicalPath(const std::string& path) {
    AGRI_ASSIGN(const std::string real, base::RealPath(path));
    return TrimSlashes(real);
}

bool IsWithin(const std::string& inner, const std::string& outer) {
    return inner == outer || outer == "/" || inner.starts_with(outer + "/");
}

Result<std::vector<std::string>> NamesIn(const std::string& path) {
    std::vector<std::string> names;
    const Folder folder = OpenFolder(path);
    if (!folder && errno == ENOENT) return names;
    if (!folder) return base::ErrnoError(errno, fmt::format("could not open folder \"{}\"", path));
    for (errno = 0; const dirent* item = readdir(folder.get()); errno = 0) {
        const std::string_view name = item->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0)
        return base::ErrnoError(errno, fmt::format("could not read folder \"{}\"", path));
    return names;
}

Result<std::vector<std::string>> LinkedFolders(const std::string& data_directory) {
    std::vector<std::string> links{data_directory + "/pg_wal"};
    const std::string tablespaces = data_directory + "/pg_tblspc";
    AGRI_ASSIGN(const std::vector<std::string> names, NamesIn(tablespaces));
    for (const std::string& name : names) links.push_back(tablespaces + "/" + name);
    std::vector<std::string> folders;
    for (const std::string& link : links) {
        if (!IsLink(link)) continue;
        AGRI_ASSIGN(std::string folder, CanonicalPath(link));
        folders.push_back(std::move(folder));
    }
    return folders;
}

}  // namespace agri::engine

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
    auto names = ListNames(path);
    if (!names && names.error().code == base::ErrorCode::kNotFound)
        return std::vector<std::string>();
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

#include "engine/folder.hpp"

namespace agri::engine {

base::Result<std::vector<std::string>> ListNames(const std::string& path) {
    std::vector<std::string> names;
    const Folder folder = OpenFolder(path);
    if (!folder) return base::ErrnoError(errno, fmt::format("could not open folder \"{}\"", path));
    for (errno = 0; const dirent* item = readdir(folder.get()); errno = 0) {
        const std::string_view name = item->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0)
        return base::ErrnoError(errno, fmt::format("could not read folder \"{}\"", path));
    return names;
}

}  // namespace agri::engine

#include "repo/place.hpp"

#include <unistd.h>

#include <filesystem>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "repo/layout.hpp"

namespace agri::repo {

namespace {

using std::filesystem::path;

bool IsThere(const path& file) { return access(file.c_str(), F_OK) == 0; }

bool IsRepository(const std::string& folder) { return IsThere(path(folder) / layout::kDescriptor); }

base::Result<std::optional<std::string>> Enclosing(const std::string& place,
                                                   bool (*is_wanted)(const std::string&)) {
    std::error_code failure;
    const path absolute = std::filesystem::absolute(place, failure);
    if (failure)
        return base::ErrnoError(failure.value(),
                                fmt::format("could not make \"{}\" absolute", place));
    AGRI_ASSIGN(const std::string real, base::RealPath(absolute.string()));
    for (path folder = real;; folder = folder.parent_path()) {
        if (is_wanted(folder.string())) return folder.string();
        if (folder == folder.root_path() || folder.empty()) return std::nullopt;
    }
}

}  // namespace

std::optional<std::string> PathOfFileUri(std::string_view uri) {
    constexpr std::string_view kFileScheme = "file://";
    if (!uri.starts_with(kFileScheme)) return std::nullopt;
    uri.remove_prefix(kFileScheme.size());
    if (!uri.starts_with('/')) return std::nullopt;
    std::string path;
    for (size_t i = 0; i < uri.size(); ++i) {
        std::byte value = static_cast<std::byte>(uri[i]);
        if (uri[i] == '%') {
            if (i + 2 >= uri.size() || !base::FromHex(uri.substr(i + 1, 2), {&value, 1}))
                return std::nullopt;
            i += 2;
        }
        if (value == std::byte{0}) return std::nullopt;
        path.push_back(static_cast<char>(value));
    }
    return path;
}

bool IsDataDirectory(const std::string& folder) {
    return IsThere(path(folder) / "PG_VERSION") && IsThere(path(folder) / "global");
}

base::Result<std::optional<std::string>> EnclosingDataDirectory(const std::string& path) {
    return Enclosing(path, IsDataDirectory);
}

base::Result<std::optional<std::string>> EnclosingRepository(const std::string& path) {
    return Enclosing(path, IsRepository);
}

}  // namespace agri::repo

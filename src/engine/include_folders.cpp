#include "engine/include_folders.hpp"

#include <strings.h>

#include <sstream>

#include "repo/manifest.hpp"

namespace agri::engine {

namespace {

constexpr std::string_view kSetting = "include_dir";
constexpr std::string_view kBlanks = " \t\r";
constexpr uint64_t kMaxConfigurationBytes = 16u << 20;

std::string_view SkipBlanks(std::string_view text) {
    return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

}  // namespace

std::vector<std::string> IncludedFolders(std::string_view configuration) {
    std::vector<std::string> folders;
    std::istringstream lines{std::string(configuration)};
    for (std::string line; std::getline(lines, line);) {
        std::string_view text = SkipBlanks(line);
        if (text.size() <= kSetting.size() ||
            strncasecmp(text.data(), kSetting.data(), kSetting.size()) != 0)
            continue;
        text = SkipBlanks(text.substr(kSetting.size()));
        if (text.starts_with('=')) text = SkipBlanks(text.substr(1));
        const size_t end = text.find('\'', 1);
        if (text.starts_with('\'') && end != std::string_view::npos && end > 1)
            folders.emplace_back(text.substr(1, end - 1));
    }
    return folders;
}

base::Status MakeIncludedFolders(const RestoreSurvey& survey, const OwnedFiles& data) {
    for (const auto& [setting, file] : survey.configuration) {
        if (setting != "config_file" && setting != "include") continue;
        const std::string relative = file.restored.substr(data.folder().path().size() + 1);
        AGRI_ASSIGN(const auto content, data.folder().ReadFile(relative, kMaxConfigurationBytes));
        const std::string parent = relative.substr(0, relative.rfind('/'));
        for (const std::string& folder : IncludedFolders(base::AsText(content)))
            if (repo::IsSafeRelativePath(folder))
                AGRI_TRY(data.MakeFolder(fmt::format("{}/{}", parent, folder)));
    }
    return {};
}

}  // namespace agri::engine

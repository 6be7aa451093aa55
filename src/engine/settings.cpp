// Collecting settings from the file, the environment, the server and the command line. One table
// says which names exist and what they accept; everything else is an error that names its source.
#include "engine/settings.hpp"

#include <spdlog/common.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "engine/setting_values.hpp"
#include "repo/layout.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr uint64_t kSmallestMemoryLimit = 64u << 20;

struct Known {
    std::string_view name;
    std::string_view fallback;
    std::string_view environment;
};

// Sorted as `config` prints them.
constexpr std::array<Known, 9> kKnown{{
    {"cluster", "main", "AGRI_BACKUP_CLUSTER"},
    {"compression_level", "1", "AGRI_BACKUP_COMPRESSION_LEVEL"},
    {"encryption", "on", "AGRI_BACKUP_ENCRYPTION"},
    {"key", "", "AGRI_BACKUP_KEY"},
    {"log_level", "info", "AGRI_BACKUP_LOG_LEVEL"},
    {"memory_limit", "256MB", "AGRI_BACKUP_MEMORY_LIMIT"},
    {"parallel", "0", "AGRI_BACKUP_PARALLEL"},
    {"rate_limit", "0", "AGRI_BACKUP_RATE_LIMIT"},
    {"repository", "", "AGRI_BACKUP_REPOSITORY"},
}};

const Known* FindKnown(std::string_view name) {
    auto found =
        std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name; });
    return found == kKnown.end() ? nullptr : &*found;
}

std::string SettingNames() {
    std::string names;
    for (const Known& known : kKnown)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
    return names;
}

base::Error BadValue(std::string_view name, std::string_view value, std::string_view source,
                     std::string hint) {
    return MakeError(ErrorCode::kConfiguration, "invalid value for \"{}\": \"{}\"", name, value)
        .WithDetail(fmt::format("It was given by {}.", source))
        .WithHint(std::move(hint));
}

}  // namespace

uint32_t Settings::EffectiveParallel() const {
    if (parallel > 0) return parallel;
    return std::clamp<uint32_t>(std::thread::hardware_concurrency(), 1, 8);
}

Status SettingsBuilder::LoadEnvironment() {
    for (const Known& known : kKnown) {
        const char* value = std::getenv(std::string(known.environment).c_str());
        if (value && *value)
            AGRI_TRY(Set(known.name, value, fmt::format("environment {}", known.environment)));
    }
    return {};
}

Status SettingsBuilder::Set(std::string_view name, std::string_view value,
                            std::string_view source) {
    std::string key(name);
    bool in_section = key.rfind("repository.", 0) == 0;
    std::string_view last = in_section ? name.substr(name.rfind('.') + 1) : name;
    bool known = in_section ? (last == "uri" || last == "key" || last == "encryption")
                            : FindKnown(name) != nullptr;
    if (!known)
        return MakeError(ErrorCode::kConfiguration, "unknown setting \"{}\"", name)
            .WithDetail(fmt::format("It was given by {}.", source))
            .WithHint(in_section ? "A repository has uri, key and encryption."
                                 : fmt::format("Settings are {}.", SettingNames()));
    if (last == "encryption" && !ParseSwitch(value))
        return BadValue(name, value, source, "Use \"on\" or \"off\".");
    values_.insert_or_assign(std::move(key), Value{std::string(value), std::string(source)});
    return {};
}

namespace {

std::string SectionOf(std::string_view key) {
    constexpr std::string_view kPrefix = "repository.";
    if (!key.starts_with(kPrefix)) return {};
    return std::string(key.substr(kPrefix.size(), key.rfind('.') - kPrefix.size()));
}

Status CheckRepositories(const std::vector<RepositorySettings>& repositories) {
    if (repositories.empty())
        return base::Error(ErrorCode::kConfiguration, "no repository is configured")
            .WithHint(
                "Give --repository file:///FOLDER, set AGRI_BACKUP_REPOSITORY or "
                "agri_backup.repository, or write a configuration file.");
    if (repositories.size() > 1)
        return base::Error(ErrorCode::kConfiguration, "more than one repository is configured")
            .WithHint("This version works with one: keep one [repository] section.");
    for (const RepositorySettings& repository : repositories) {
        if (repository.uri.empty())
            return MakeError(ErrorCode::kConfiguration, "repository \"{}\" has no uri",
                             repository.name)
                .WithHint("Add \"uri = file:///FOLDER\" to its section.");
        if (repository.key_uri.empty() && !repository.encryption_off)
            return MakeError(ErrorCode::kConfiguration, "repository \"{}\" has no key",
                             repository.name)
                .WithHint(
                    "Make one with \"agri_backup key create FILE\" and give it as --key "
                    "file:///FILE or agri_backup.key, or switch encryption off in so many words: "
                    "encryption = off.");
    }
    return {};
}

}  // namespace

std::string SettingsBuilder::OnlySection() const {
    std::string only;
    for (const auto& [key, value] : values_) {
        const std::string name = SectionOf(key);
        if (!name.empty() && !only.empty() && name != only) return {};
        if (!name.empty()) only = name;
    }
    return only;
}

const SettingsBuilder::Value* SettingsBuilder::Find(std::string_view name) const {
    auto found = values_.find(name);
    const bool is_place = name == "repository" || name == "key";
    // An empty place is none; any other empty value is one, and a wrong one.
    if (found != values_.end() && !(is_place && found->second.value.empty())) return &found->second;
    if (!is_place && name != "encryption") return nullptr;
    const std::string_view field = name == "repository" ? "uri" : name;
    found = values_.find(fmt::format("repository.{}.{}", OnlySection(), field));
    return found == values_.end() ? nullptr : &found->second;
}

std::string SettingsBuilder::Text(std::string_view name) const {
    if (const Value* value = Find(name)) return value->value;
    return std::string(FindKnown(name)->fallback);
}

std::string SettingsBuilder::Source(std::string_view name) const {
    const Value* value = Find(name);
    return value ? value->source : "default";
}

std::vector<RepositorySettings> SettingsBuilder::Repositories() const {
    std::map<std::string, RepositorySettings> by_name;
    for (const auto& [key, value] : values_)
        if (const std::string name = SectionOf(key); !name.empty()) by_name[name].name = name;
    if (by_name.empty() && Find("repository")) by_name["main"] = {};
    std::vector<RepositorySettings> repositories;
    for (auto& [name, entry] : by_name) {
        if (by_name.size() == 1) {
            entry.uri = Text("repository");
            entry.key_uri = Text("key");
            entry.encryption_off = !*ParseSwitch(Text("encryption"));
        }
        repositories.push_back(std::move(entry));
    }
    return repositories;
}

Status SettingsBuilder::CheckPlaces() const {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kPlaces{
        {{"repository", "/srv/agri_backup/main"}, {"key", "/etc/agri_backup/main.key"}}};
    for (const auto& [name, example] : kPlaces) {
        const std::string value = Text(name);
        if (value.empty() || value.starts_with("file:///")) continue;
        std::string hint =
            fmt::format("Write an absolute path after \"file://\": \"file://{}\".", example);
        if (value.find("://") == std::string::npos || value.starts_with("file:"))
            return BadValue(name, value, Source(name), std::move(hint));
        // The value is left out: another scheme's might hold a password.
        return MakeError(ErrorCode::kConfiguration, "invalid value for \"{}\"", name)
            .WithDetail(fmt::format("It was given by {}.", Source(name)))
            .WithHint(std::move(hint));
    }
    return {};
}

Result<Settings> SettingsBuilder::Build() const {
    Settings settings;
    settings.cluster = Text("cluster");
    settings.config_file = config_file_.value;
    settings.log_level = Text("log_level");
    auto bad = [&](std::string_view name, std::string hint) {
        return BadValue(name, Text(name), Source(name), std::move(hint));
    };
    if (auto status = repo::layout::CheckClusterName(settings.cluster); !status)
        return bad("cluster", status.error().hint);
    auto level = ParseNumber<int>(Text("compression_level"));
    if (!level || *level < -7 || *level > 19)
        return bad("compression_level", "Use -7 to 19; 1 is the default.");
    settings.compression_level = *level;
    auto parallel = ParseNumber<uint32_t>(Text("parallel"));
    if (!parallel || *parallel > 64)
        return bad("parallel", "Use 1 to 64, or 0 for the number of CPUs.");
    settings.parallel = *parallel;
    auto memory = ParseSize(Text("memory_limit"));
    if (!memory || *memory < kSmallestMemoryLimit) return bad("memory_limit", "Use at least 64MB.");
    settings.memory_limit_bytes = *memory;
    auto rate = ParseSize(Text("rate_limit"));
    if (!rate) return bad("rate_limit", "Use bytes per second, as \"50MB\", or 0 for no limit.");
    settings.rate_limit_bytes = *rate;
    if (spdlog::level::from_str(settings.log_level) == spdlog::level::off &&
        settings.log_level != "off")
        return bad("log_level", "Use debug, info, warning or error.");
    settings.repositories = Repositories();
    AGRI_TRY(CheckRepositories(settings.repositories));
    AGRI_TRY(CheckPlaces());
    return settings;
}

std::vector<SettingsBuilder::Row> SettingsBuilder::Rows() const {
    std::vector<Row> rows;
    rows.push_back({"config_file", config_file_.value,
                    config_file_.source.empty() ? "default" : config_file_.source});
    for (const Known& known : kKnown)
        rows.push_back({std::string(known.name), Text(known.name), Source(known.name)});
    if (OnlySection().empty())  // several: none of them is the one that the rows above speak of
        for (const auto& [name, value] : values_)
            if (!SectionOf(name).empty()) rows.push_back({name, value.value, value.source});
    return rows;
}

}  // namespace agri::engine

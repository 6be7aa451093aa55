// Collecting settings from the file, the environment, the server and the command line. One table
// says which names exist and what they accept; everything else is an error that names its source.
#include "engine/settings.hpp"

#include <ini.h>
#include <spdlog/common.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <thread>

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024, kTiB = kGiB * 1024;
constexpr uint64_t kSmallestMemoryLimit = 64 * kMiB;

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

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
    T value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Bytes with PostgreSQL's units (kB, MB, GB, TB; a bare number is bytes), as guc.c reads them.
std::optional<uint64_t> ParseSize(std::string_view text) {
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    auto number = ParseNumber<uint64_t>(text.substr(0, digits));
    if (!number) return std::nullopt;
    std::string_view unit = text.substr(digits);
    while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    uint64_t factor = 0;
    if (unit.empty() || unit == "B") factor = 1;
    if (unit == "kB") factor = kKiB;
    if (unit == "MB") factor = kMiB;
    if (unit == "GB") factor = kGiB;
    if (unit == "TB") factor = kTiB;
    uint64_t bytes = 0;
    if (factor == 0 || __builtin_mul_overflow(*number, factor, &bytes)) return std::nullopt;
    return bytes;
}

std::optional<bool> ParseSwitch(std::string_view text) {
    if (text == "on" || text == "true" || text == "yes" || text == "1") return true;
    if (text == "off" || text == "false" || text == "no" || text == "0") return false;
    return std::nullopt;
}

base::Error BadValue(std::string_view name, std::string_view value, std::string_view source,
                     std::string hint) {
    return MakeError(ErrorCode::kConfiguration, "invalid value for \"{}\": \"{}\"", name, value)
        .WithDetail(fmt::format("It was given by {}.", source))
        .WithHint(std::move(hint));
}

struct FileLoad {
    SettingsBuilder* builder;
    std::string path;
    std::optional<base::Error> error;
};

// "[repository main]" → "repository.main."; "" → top level; nullopt: unknown section.
std::optional<std::string> SectionPrefix(std::string_view section) {
    constexpr std::string_view kRepository = "repository ";
    if (section.empty()) return std::string();
    if (section.substr(0, kRepository.size()) != kRepository) return std::nullopt;
    std::string_view name = section.substr(kRepository.size());
    if (name.empty() || name.find('.') != std::string_view::npos) return std::nullopt;
    return fmt::format("repository.{}.", name);
}

int OnIniEntry(void* user, const char* section, const char* name, const char* value) {
    auto* load = static_cast<FileLoad*>(user);
    if (load->error) return 1;
    auto prefix = SectionPrefix(section);
    if (!prefix) {
        load->error = MakeError(ErrorCode::kConfiguration, "unknown section \"[{}]\" in \"{}\"",
                                section, load->path)
                          .WithHint("Sections are named \"[repository NAME]\".");
        return 0;
    }
    Status status = load->builder->Set(*prefix + name, value ? value : "", "file " + load->path);
    if (status) return 1;
    load->error = std::move(status).error();
    return 0;
}

}  // namespace

uint32_t Settings::EffectiveParallel() const {
    if (parallel > 0) return parallel;
    return std::clamp<uint32_t>(std::thread::hardware_concurrency(), 1, 8);
}

Status SettingsBuilder::LoadFile(const std::string& path) {
    FileLoad load{this, path, std::nullopt};
    int line = ini_parse(path.c_str(), OnIniEntry, &load);
    if (line == -1)
        return base::ErrnoError(errno,
                                fmt::format("could not open configuration file \"{}\"", path));
    if (load.error) return std::move(*load.error).In(fmt::format("{}:{}", path, line));
    if (line != 0)
        return MakeError(ErrorCode::kConfiguration, "syntax error in \"{}\", line {}", path, line)
            .WithHint(
                "A line is \"name = value\", \"[repository NAME]\" or a comment after \"#\".");
    config_file_ = path;
    return {};
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
            .WithHint("\"agri_backup config\" prints the known settings.");
    if (last == "encryption" && !ParseSwitch(value))
        return BadValue(name, value, source, "Use \"on\" or \"off\".");
    values_.insert_or_assign(std::move(key), Value{std::string(value), std::string(source)});
    return {};
}

namespace {

std::string_view Lookup(const auto& values, std::string_view name) {
    auto found = values.find(name);
    if (found != values.end()) return found->second.value;
    const Known* known = FindKnown(name);
    return known ? known->fallback : std::string_view();
}

std::string_view SourceOf(const auto& values, std::string_view name) {
    auto found = values.find(name);
    return found == values.end() ? std::string_view("default")
                                 : std::string_view(found->second.source);
}

// Every "[repository NAME]" section, and the short form `repository` / `key` as the one named main.
std::vector<RepositorySettings> CollectRepositories(const auto& values) {
    std::map<std::string, RepositorySettings> by_name;
    for (const auto& [key, value] : values) {
        if (key.rfind("repository.", 0) != 0) continue;
        size_t dot = key.rfind('.');
        std::string name = key.substr(11, dot - 11), field = key.substr(dot + 1);
        RepositorySettings& entry = by_name[name];
        entry.name = name;
        if (field == "uri") entry.uri = value.value;
        if (field == "key") entry.key_uri = value.value;
        if (field == "encryption") entry.encryption_off = !*ParseSwitch(value.value);
    }
    if (auto uri = Lookup(values, "repository"); !uri.empty()) by_name["main"].uri = uri;
    for (auto& [name, entry] : by_name) {
        if (name != "main" && by_name.size() > 1) continue;
        if (auto key = Lookup(values, "key"); !key.empty()) entry.key_uri = key;
        if (values.count("encryption"))
            entry.encryption_off = !*ParseSwitch(Lookup(values, "encryption"));
    }
    std::vector<RepositorySettings> repositories;
    for (auto& [name, entry] : by_name) repositories.push_back(std::move(entry));
    return repositories;
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

Result<Settings> SettingsBuilder::Build() const {
    Settings settings;
    settings.cluster = Lookup(values_, "cluster");
    settings.config_file = config_file_;
    settings.log_level = Lookup(values_, "log_level");
    auto bad = [&](std::string_view name, std::string hint) {
        return BadValue(name, Lookup(values_, name), SourceOf(values_, name), std::move(hint));
    };
    auto level = ParseNumber<int>(Lookup(values_, "compression_level"));
    if (!level || *level < -7 || *level > 19)
        return bad("compression_level", "Use -7 to 19; 1 is the default.");
    settings.compression_level = *level;
    auto parallel = ParseNumber<uint32_t>(Lookup(values_, "parallel"));
    if (!parallel || *parallel > 64)
        return bad("parallel", "Use 1 to 64, or 0 for the number of CPUs.");
    settings.parallel = *parallel;
    auto memory = ParseSize(Lookup(values_, "memory_limit"));
    if (!memory || *memory < kSmallestMemoryLimit) return bad("memory_limit", "Use at least 64MB.");
    settings.memory_limit_bytes = *memory;
    auto rate = ParseSize(Lookup(values_, "rate_limit"));
    if (!rate) return bad("rate_limit", "Use bytes per second, as \"50MB\", or 0 for no limit.");
    settings.rate_limit_bytes = *rate;
    if (spdlog::level::from_str(settings.log_level) == spdlog::level::off &&
        settings.log_level != "off")
        return bad("log_level", "Use debug, info, warning or error.");
    settings.repositories = CollectRepositories(values_);
    AGRI_TRY(CheckRepositories(settings.repositories));
    return settings;
}

std::vector<SettingsBuilder::Row> SettingsBuilder::Rows() const {
    std::vector<Row> rows;
    for (const Known& known : kKnown)
        rows.push_back({std::string(known.name), std::string(Lookup(values_, known.name)),
                        std::string(SourceOf(values_, known.name))});
    for (const auto& [name, value] : values_)
        if (name.rfind("repository.", 0) == 0) rows.push_back({name, value.value, value.source});
    return rows;
}

}  // namespace agri::engine

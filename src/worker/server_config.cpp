// CONFIG to settings: the configuration file first, then what postgresql.conf says, as on the
// command line.
#include "worker/server_config.hpp"

#include <array>
#include <charconv>

namespace agri::worker {

using base::ErrorCode;
using base::MakeError;
using base::Result;

namespace {

constexpr std::array<std::string_view, 9> kSettings{
    "cluster",  "repository",   "key",        "encryption", "compression_level",
    "parallel", "memory_limit", "rate_limit", "log_level"};

template <class T>
base::Status ParseField(const base::wire::Message& config, std::string_view name, T& out) {
    std::string_view text = config.Get(name);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return MakeError(ErrorCode::kInvalidArgument, "CONFIG has no valid \"{}\"", name);
    return {};
}

Result<engine::Settings> BuildSettings(const base::wire::Message& config,
                                       engine::SettingsBuilder& builder) {
    std::string file(config.Get("config_file"));
    if (!file.empty()) AGRI_TRY(builder.LoadFile(file, "agri_backup.config_file"));
    for (std::string_view name : kSettings) {
        std::string_view value = config.Get(name);
        if (!value.empty()) AGRI_TRY(builder.Set(name, value, "postgresql.conf"));
    }
    AGRI_ASSIGN(engine::Settings settings, builder.Build());
    if (int64_t lease_ms = 0; ParseField(config, "debug_lease_time", lease_ms) && lease_ms > 0)
        settings.lease_time = std::chrono::milliseconds(lease_ms);
    return settings;
}

}  // namespace

Result<ServerConfig> ServerConfig::Parse(const base::wire::Message& config) {
    ServerConfig parsed;
    parsed.data_directory = config.Get("data_directory");
    if (parsed.data_directory.empty() || parsed.data_directory[0] != '/')
        return MakeError(ErrorCode::kInvalidArgument, "CONFIG has no absolute \"data_directory\"");
    uint32_t version_number = 0;
    AGRI_TRY(ParseField(config, "system_identifier", parsed.identity.system_identifier));
    AGRI_TRY(ParseField(config, "server_version_num", version_number));
    AGRI_TRY(ParseField(config, "wal_segment_size", parsed.identity.wal_segment_size));
    AGRI_TRY(ParseField(config, "postmaster_pid", parsed.postmaster_pid));
    parsed.identity.major_version = version_number / 10000;
    uint64_t segment_size = parsed.identity.wal_segment_size;
    if (segment_size < (1u << 20) || segment_size > (1u << 30) ||
        (segment_size & (segment_size - 1)))
        return MakeError(ErrorCode::kInvalidArgument, "CONFIG has no valid \"wal_segment_size\"");
    engine::SettingsBuilder builder;
    parsed.settings = BuildSettings(config, builder);
    parsed.fields = config.fields;
    // The configuration file may say something else than it did, under the same name.
    for (const auto& row : builder.Rows()) parsed.fields.emplace_back(row.name, row.value);
    if (!parsed.settings) parsed.fields.emplace_back("error", parsed.settings.error().ToString());
    return parsed;
}

spdlog::level::level_enum ServerConfig::LogLevel() const {
    return settings ? spdlog::level::from_str(settings->log_level) : spdlog::level::info;
}

}  // namespace agri::worker

// The configuration file: "name = value" lines and "[repository NAME]" sections.
#include <ini.h>

#include <filesystem>
#include <optional>

#include "engine/settings.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Status;

namespace {

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

int Accept(void*, const char*, const char*, const char*) { return 1; }

base::Error SyntaxError(const std::string& path, int line) {
    return MakeError(ErrorCode::kConfiguration, "syntax error in \"{}\", line {}", path, line)
        .WithHint("A line is \"name = value\", \"[repository NAME]\" or a comment after \"#\".");
}

}  // namespace

Status SettingsBuilder::LoadFile(const std::string& path, std::string_view source) {
    std::error_code error;
    const std::string absolute = std::filesystem::absolute(path, error).lexically_normal();
    if (error)
        return base::ErrnoError(error.value(), fmt::format("could not make \"{}\" absolute", path));
    FileLoad load{this, absolute, std::nullopt};
    // What is no line at all first: what comes behind a broken section line is not what it seems.
    const int broken = ini_parse(absolute.c_str(), Accept, nullptr);
    if (broken > 0) return SyntaxError(absolute, broken);
    const int line = ini_parse(absolute.c_str(), OnIniEntry, &load);
    if (line == -1)
        return base::ErrnoError(errno,
                                fmt::format("could not open configuration file \"{}\"", absolute));
    if (load.error) return std::move(*load.error).In(fmt::format("{}:{}", absolute, line));
    if (line != 0) return SyntaxError(absolute, line);
    config_file_ = {absolute, std::string(source)};
    return {};
}

}  // namespace agri::engine

// The exact command that starts a restored cluster: with this machine's binaries of the right major
// version, as the right user, and with configuration that lies outside the data directory.
#pragma once

#include <string>
#include <vector>

#include "engine/restore_survey.hpp"

namespace agri::engine {

struct StartFacts {
    std::string data_directory;
    std::string original_data_directory;
    uint32_t major_version = 0;
    RestoreRole role = RestoreRole::kOriginal;
    std::string run_as;      // "sudo -u postgres"; empty: the caller starts it
    std::string bin_folder;  // of that major version; empty: not found
    std::map<std::string, ConfigurationFile> configuration;
};

struct StartCommand {
    std::string command;
    std::vector<std::string> notes;  // alternatives
};

StartCommand MakeStartCommand(const StartFacts& facts);

// How root runs a command as that user: sudo, or runuser where that is not installed.
std::string RunAsCommand(const std::string& user);

// The folder of pg_ctl of that major version: Debian's, the PGDG's, or what a pg_config in PATH
// says.
std::string FindBinFolder(uint32_t major_version);
// What a program prints, without the newline; empty when it cannot be run. No shell is involved.
std::string FirstLineOf(const std::string& program, const std::string& argument);

}  // namespace agri::engine

// The first pass over a backup's file list, before anything is written: how much goes where,
// whether every path is acceptable, and, when files are already there, which names belong to the
// backup.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/restore_layout.hpp"
#include "repo/manifest.hpp"

namespace agri::engine {

// The names of a backup's entries as 64-bit digests: 8 bytes a file, whatever the path's length. A
// collision would merely leave a file in place that the backup does not have.
class KnownNames {
   public:
    void Add(size_t folder, std::string_view path, repo::format::FileType type);
    // After the last Add, before the first Contains.
    void Seal();
    bool Contains(size_t folder, std::string_view path, repo::format::FileType type) const;

   private:
    std::vector<uint64_t> digests_;
};

struct ConfigurationFile {
    std::string original;  // absolute path on the server that was backed up
    std::string restored;  // absolute path here
};

struct RestoreSurvey {
    uint64_t files = 0;
    uint64_t bytes = 0;
    std::vector<uint64_t> folder_bytes;  // by RestoreLayout folder
    KnownNames names;                    // sealed
    std::string owner, group;            // of the data directory
    uint32_t data_mode = 0700;
    bool has_control_file = false;
    // Configuration from outside by setting: config_file, hba_file, ident_file.
    std::map<std::string, ConfigurationFile> configuration;
};

base::Result<RestoreSurvey> SurveyBackup(const repo::ManifestReader& manifest,
                                         const RestoreLayout& layout, const Context& context);

}  // namespace agri::engine

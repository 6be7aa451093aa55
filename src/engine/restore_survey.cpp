#include "engine/restore_survey.hpp"

#include <algorithm>

#include "engine/walk_plan.hpp"

namespace agri::engine {

using base::Result;
using base::Status;
using repo::format::FileEntry;

namespace {

uint64_t NameDigest(size_t folder, std::string_view path, repo::format::FileType type) {
    const uint64_t seed = static_cast<uint64_t>(folder) << 8 | static_cast<uint64_t>(type);
    return base::LoadLe<uint64_t>(codec::Xxh128(base::AsBytes(path), seed).data());
}

class Surveyor {
   public:
    Surveyor(const repo::ManifestReader& manifest, const RestoreLayout& layout) : layout_(layout) {
        for (const auto& root : manifest.header().roots()) roots_[root.id()] = &root;
        survey_.folder_bytes.resize(layout.folders().size());
    }

    Status Visit(const FileEntry& entry) {
        AGRI_ASSIGN(const std::optional<PlacedFile> placed, layout_.Place(entry));
        const auto* root = roots_[entry.root()];
        if (root->kind() == repo::format::FileRoot::DATA && entry.path().empty()) {
            survey_.owner = entry.owner();
            survey_.group = entry.group();
            survey_.data_mode = entry.mode();
        }
        if (!placed) return {};
        survey_.names.Add(placed->folder, placed->path, entry.type());
        if (entry.type() != repo::format::REGULAR) return {};
        ++survey_.files;
        survey_.bytes += entry.size();
        survey_.folder_bytes[placed->folder] += entry.size();
        if (placed->folder == 0 && placed->path == kControlFile) survey_.has_control_file = true;
        if (root->kind() == repo::format::FileRoot::CONFIG)
            survey_.configuration.try_emplace(
                root->config_setting(),
                ConfigurationFile{
                    fmt::format("{}/{}", root->path(), entry.path()),
                    fmt::format("{}/{}", layout_.folders().front().path, placed->path)});
        return {};
    }

    Result<RestoreSurvey> Finish() {
        survey_.names.Seal();
        if (survey_.has_control_file) return std::move(survey_);
        return base::Error(base::ErrorCode::kCorrupt, "the backup has no global/pg_control");
    }

   private:
    const RestoreLayout& layout_;
    std::map<uint32_t, const repo::format::FileRoot*> roots_;
    RestoreSurvey survey_;
};

}  // namespace

void KnownNames::Add(size_t folder, std::string_view path, repo::format::FileType type) {
    digests_.push_back(NameDigest(folder, path, type));
}

void KnownNames::Seal() { std::sort(digests_.begin(), digests_.end()); }

bool KnownNames::Contains(size_t folder, std::string_view path, repo::format::FileType type) const {
    return std::binary_search(digests_.begin(), digests_.end(), NameDigest(folder, path, type));
}

Result<RestoreSurvey> SurveyBackup(const repo::ManifestReader& manifest,
                                   const RestoreLayout& layout, const Context& context) {
    Surveyor surveyor(manifest, layout);
    AGRI_TRY(manifest.ForEachFile([&](const repo::ManifestReader::FileRun& run) -> Status {
        if (!run.last) return {};
        AGRI_TRY(context.cancel.Check());
        return surveyor.Visit(run.entry);
    }));
    return surveyor.Finish();
}

}  // namespace agri::engine

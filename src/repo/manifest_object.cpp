// Streams the manifest's parts as frames of bounded size and publishes it: the one moment at which
// a backup begins to exist.
#include "repo/manifest_object.hpp"

#include "repo/catalog.hpp"
#include "repo/manifest_key.hpp"
#include "repo/pack_format.hpp"
#include "repo/readable_message.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

constexpr int kCompressionLevel = 3;
constexpr size_t kPartTargetBytes = 1u << 20;  // of a ManifestPart; far below kMaxFramePlainBytes

// The parts of a manifest: frames that are appended as they fill, the last one by Finish().
class PartWriter {
   public:
    explicit PartWriter(SealedWriter& writer) : writer_(writer) {}
    base::Status Add(const format::PackRef& pack) {
        *part_.add_packs() = pack;
        return Added(pack.ByteSizeLong());
    }
    base::Status Add(const format::FilePageRef& page) {
        *part_.add_file_pages() = page;
        return Added(page.ByteSizeLong());
    }
    base::Status Add(const format::PageFailure& failure) {
        *part_.add_page_failures() = failure;
        return Added(failure.ByteSizeLong());
    }
    base::Result<storage::PutOutcome> Finish() {
        return writer_.Finish(base::AsBytes(part_.SerializeAsString()));
    }

   private:
    base::Status Added(size_t bytes) {
        bytes_ += bytes + 8;
        if (bytes_ < kPartTargetBytes) return {};
        AGRI_TRY(writer_.AppendFrame(base::AsBytes(part_.SerializeAsString())));
        part_.Clear();
        bytes_ = 0;
        return {};
    }

    SealedWriter& writer_;
    format::ManifestPart part_;
    size_t bytes_ = 0;
};

base::Status CheckReferences(const ManifestContents& contents) {
    std::set<PackId> packs;
    for (const format::PackRef& pack : contents.packs) {
        AGRI_TRY(CheckPackRef(pack));
        packs.insert(*ToPackId(pack.pack_id()));
    }
    for (const PackId& pack : contents.referenced)
        if (!packs.contains(pack))
            return MakeError(ErrorCode::kInternal,
                             "backup \"{}\" rests on pack {}, which is not finished",
                             contents.header.backup_id(), base::ToHex(pack));
    std::set<uint32_t> roots;
    for (const auto& root : contents.header.roots()) roots.insert(root.id());
    for (const uint32_t root : contents.roots)
        if (!roots.contains(root))
            return MakeError(ErrorCode::kInternal,
                             "backup \"{}\" has files in root {}, which is not listed",
                             contents.header.backup_id(), root);
    return {};
}

// Whoever stands there already: another attempt's manifest, or the word that this backup is dead.
base::Error WhyTaken(const Incarnation& incarnation, const std::string& backup_id) {
    auto there = OpenManifestKey(incarnation, backup_id);
    if (!there)
        return std::move(there).error().In(fmt::format(
            "could not commit backup \"{}\", because something stands in its place", backup_id));
    if (const auto* tombstone = std::get_if<format::Tombstone>(&*there))
        return MakeError(ErrorCode::kConflict, "could not commit backup \"{}\": it {}", backup_id,
                         DescribeTombstone(*tombstone))
            .WithHint("It can never be committed; start another backup.");
    return MakeError(ErrorCode::kConflict,
                     "could not commit backup \"{}\": another manifest stands under its name",
                     backup_id);
}

}  // namespace

base::Status PutManifest(const Incarnation& incarnation, const ManifestContents& contents) {
    AGRI_TRY(CheckReferences(contents));
    AGRI_ASSIGN(const std::string header,
                SerializeReadably(contents.header, "the header of the manifest"));
    Repository& repository = incarnation.repository();
    const std::string& backup_id = contents.header.backup_id();
    AGRI_ASSIGN(SealedWriter writer,
                SealedWriter::Create(repository.storage(), repository, ObjectKind::kManifest,
                                     incarnation.keys().Manifest(backup_id), kCompressionLevel));
    AGRI_TRY(writer.AppendFrame(base::AsBytes(header)));
    PartWriter parts(writer);
    for (const format::PackRef& pack : contents.packs) AGRI_TRY(parts.Add(pack));
    for (const format::FilePageRef& page : contents.pages) AGRI_TRY(parts.Add(page));
    for (const format::PageFailure& failure : contents.page_failures) AGRI_TRY(parts.Add(failure));
    AGRI_TRY(CheckParents(incarnation, contents.header));
    AGRI_ASSIGN(const storage::PutOutcome outcome, parts.Finish());
    if (outcome == storage::PutOutcome::kExists) return WhyTaken(incarnation, backup_id);
    return {};
}

}  // namespace agri::repo

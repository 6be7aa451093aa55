// Builds a manifest in one pass over sorted files. Memory is one page, one leaf and the references
// to finished pages; everything else has gone into packs. What a reader would refuse is refused
// here, while the backup can still be repeated.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "repo/file_page_builder.hpp"
#include "repo/manifest_checks.hpp"
#include "repo/manifest_object.hpp"
#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

// An error of the shared checks, as the writer's caller must hear it.
base::Error Refused(base::Error error, std::string_view what) {
    if (error.code == ErrorCode::kCorrupt) error.code = ErrorCode::kInvalidArgument;
    return std::move(error).In(fmt::format("could not put {} into the manifest", what));
}

base::Status CheckExtent(const ManifestWriter::FileExtent& extent) {
    if (extent.length == 0) return MakeError(ErrorCode::kCorrupt, "an extent is empty");
    if (!extent.chunk) return {};
    const uint32_t plain_length = extent.chunk->plain_length;
    if (extent.length > plain_length || extent.chunk_offset > plain_length - extent.length)
        return MakeError(ErrorCode::kCorrupt, "an extent goes past the end of its chunk");
    return CheckChunkBounds(*extent.chunk, UINT64_MAX);
}

}  // namespace

struct ManifestWriter::State {
    const Incarnation& incarnation;
    PackWriter& packs;
    FileOrder order;
    std::set<std::pair<uint32_t, std::string>> reserved;  // for late files
    std::unique_ptr<FilePageBuilder> page = std::make_unique<FilePageBuilder>();
    std::vector<format::FilePageRef> pages;
    std::vector<format::PageFailure> page_failures;
    std::set<PackId> referenced;
    std::set<uint32_t> roots;

    std::optional<format::FileEntry> file;  // between BeginFile and EndFile
    std::vector<FileExtent> extents;        // of its open leaf
    std::vector<StoredLeaf> leaves;
    uint64_t covered = 0;
    bool is_finished = false;

    // Takes the entry over only when it may stand in a manifest.
    base::Status Begin(format::FileEntry& entry);
    base::Status Reserve(const format::FileEntry& place);
    base::Status Cover(const FileExtent& extent);
    base::Status FlushLeaf();
    base::Status Complete();
    base::Status Place();
    base::Status PlaceLate();
    base::Status FlushPage();
    base::Status StorePage(const FilePageBuilder& builder);
};

base::Status ManifestWriter::State::Begin(format::FileEntry& entry) {
    if (is_finished || file) return MakeError(ErrorCode::kInternal, "a file was added out of turn");
    entry.clear_extents();
    entry.clear_leaves();
    AGRI_TRY(CheckFileEntry(entry));
    file = std::move(entry);
    extents.clear();
    leaves.clear();
    covered = 0;
    return {};
}

base::Status ManifestWriter::State::Reserve(const format::FileEntry& place) {
    if (is_finished || file) return MakeError(ErrorCode::kInternal, "a file was added out of turn");
    AGRI_TRY(CheckFileEntry(place));
    AGRI_TRY(order.Next(place));
    reserved.emplace(place.root(), place.path());
    return FlushPage();
}

base::Status ManifestWriter::State::Cover(const FileExtent& extent) {
    AGRI_TRY(CheckExtent(extent));
    if (!file || extent.length > file->size() - covered)
        return MakeError(ErrorCode::kCorrupt, "extents cover more than the file");
    covered += extent.length;
    if (extent.chunk) referenced.insert(extent.chunk->pack);
    return {};
}

base::Status ManifestWriter::State::FlushLeaf() {
    if (extents.empty()) return {};
    StoredLeaf leaf;
    for (const FileExtent& extent : extents) leaf.length += extent.length;
    AGRI_ASSIGN(leaf.chunk, packs.AppendMetadata(base::AsBytes(BuildLeaf(extents))));
    referenced.insert(leaf.chunk.pack);
    leaves.push_back(leaf);
    extents.clear();
    return {};
}

// Everything that is to say of the file has been said: its content must be complete.
base::Status ManifestWriter::State::Complete() {
    if (!file) return MakeError(ErrorCode::kInternal, "no file is under way");
    const uint64_t content = file->inline_content().empty() ? file->size() : 0;
    if (covered != content)
        return MakeError(ErrorCode::kCorrupt, "extents cover {} of {} bytes", covered, content);
    if (!leaves.empty()) AGRI_TRY(FlushLeaf());
    const size_t bound = FilePageBuilder::Bound(*file, extents, leaves);
    if (bound > kMaxEntryBytes)
        return MakeError(ErrorCode::kUnsupported, "its attributes and extents take up {} bytes",
                         bound);
    return {};
}

base::Status ManifestWriter::State::Place() {
    AGRI_TRY(Complete());
    AGRI_TRY(order.Next(*file));
    roots.insert(file->root());
    const size_t bound = FilePageBuilder::Bound(*file, extents, leaves);
    if (page->bytes() + bound > kPageTargetBytes) AGRI_TRY(FlushPage());
    page->Add(std::move(*file), extents, leaves);
    file.reset();
    return {};
}

base::Status ManifestWriter::State::PlaceLate() {
    AGRI_TRY(Complete());
    if (file->type() != format::REGULAR || reserved.erase({file->root(), file->path()}) == 0)
        return MakeError(ErrorCode::kCorrupt, "no place is reserved for it");
    roots.insert(file->root());
    FilePageBuilder late;
    late.Add(std::move(*file), extents, leaves);
    file.reset();
    return StorePage(late);
}

base::Status ManifestWriter::State::StorePage(const FilePageBuilder& builder) {
    AGRI_ASSIGN(format::FilePageRef ref, builder.Store(packs));
    referenced.insert(*ToPackId(ref.pack_id()));
    pages.push_back(std::move(ref));
    return {};
}

base::Status ManifestWriter::State::FlushPage() {
    if (page->empty()) return {};
    AGRI_TRY(StorePage(*page));
    page = std::make_unique<FilePageBuilder>();
    return {};
}

ManifestWriter::ManifestWriter(const Incarnation& incarnation, PackWriter& metadata_packs)
    : state_(new State{incarnation, metadata_packs}) {}
ManifestWriter::~ManifestWriter() = default;

base::Status ManifestWriter::BeginFile(format::FileEntry entry) {
    base::Status begun = state_->Begin(entry);
    if (!begun) return Refused(std::move(begun).error(), "file " + QuotePath(entry.path()));
    return {};
}

base::Status ManifestWriter::AddExtent(const FileExtent& extent) {
    base::Status covered = state_->Cover(extent);
    if (covered && state_->extents.size() == kLeafExtents) covered = state_->FlushLeaf();
    if (!covered) return Refused(std::move(covered).error(), "an extent");
    state_->extents.push_back(extent);
    return {};
}

base::Status ManifestWriter::AddLeaf(const StoredChunk& leaf,
                                     const std::vector<FileExtent>& extents) {
    base::Status added = state_->FlushLeaf();
    if (added && extents.empty()) added = MakeError(ErrorCode::kCorrupt, "it has no extents");
    if (added) added = CheckChunkBounds(leaf, UINT64_MAX);
    StoredLeaf stored{.chunk = leaf};
    for (size_t i = 0; added && i < extents.size(); ++i) {
        added = state_->Cover(extents[i]);
        stored.length += extents[i].length;
    }
    if (!added) return Refused(std::move(added).error(), "a leaf");
    state_->referenced.insert(leaf.pack);
    state_->leaves.push_back(stored);
    return {};
}

base::Status ManifestWriter::EndFile() {
    base::Status ended = state_->Place();
    if (ended || !state_->file) return ended;
    return Refused(std::move(ended).error(), "file " + QuotePath(state_->file->path()));
}

base::Status ManifestWriter::AddFile(format::FileEntry entry,
                                     const std::vector<FileExtent>& extents) {
    AGRI_TRY(BeginFile(std::move(entry)));
    for (const FileExtent& extent : extents) AGRI_TRY(AddExtent(extent));
    return EndFile();
}

base::Status ManifestWriter::ReserveLateFile(uint32_t root, std::string_view path) {
    format::FileEntry place;
    place.set_root(root);
    place.set_path(path.data(), path.size());
    place.set_type(format::REGULAR);
    base::Status reserved = state_->Reserve(place);
    if (!reserved) return Refused(std::move(reserved).error(), "file " + QuotePath(path));
    return {};
}

base::Status ManifestWriter::AddLateFile(format::FileEntry entry,
                                         const std::vector<FileExtent>& extents) {
    AGRI_TRY(BeginFile(std::move(entry)));
    for (const FileExtent& extent : extents) AGRI_TRY(AddExtent(extent));
    base::Status placed = state_->PlaceLate();
    if (placed || !state_->file) return placed;
    return Refused(std::move(placed).error(), "file " + QuotePath(state_->file->path()));
}

void ManifestWriter::AddPageFailure(format::PageFailure failure) {
    if (state_->page_failures.size() < kMaxPageFailures)
        state_->page_failures.push_back(std::move(failure));
}

base::Status ManifestWriter::FinishFiles() {
    if (state_->file) return MakeError(ErrorCode::kInternal, "a file is still under way");
    AGRI_TRY(state_->FlushPage());
    state_->is_finished = true;
    // Late files' pages were stored last, wherever their places are.
    std::sort(state_->pages.begin(), state_->pages.end(), [](const auto& a, const auto& b) {
        return std::tuple(a.first_root(), std::string_view(a.first_path())) <
               std::tuple(b.first_root(), std::string_view(b.first_path()));
    });
    return {};
}

std::vector<PackId> ManifestWriter::ReferencedPacks() const {
    return {state_->referenced.begin(), state_->referenced.end()};
}

base::Status ManifestWriter::Commit(const format::ManifestHeader& header,
                                    const std::vector<format::PackRef>& packs) {
    const State& state = *state_;
    const std::string& backup_id = header.backup_id();
    base::Status checked = CheckManifestHeader(header, state.incarnation, backup_id);
    if (!checked) return Refused(std::move(checked).error(), "the header");
    if (!state.is_finished || header.digest_seed() != state.packs.digest_seed())
        return MakeError(ErrorCode::kInternal, "backup \"{}\" is not ready to be committed",
                         backup_id);
    return PutManifest(state.incarnation, {header, packs, state.pages, state.page_failures,
                                           state.referenced, state.roots});
}

}  // namespace agri::repo

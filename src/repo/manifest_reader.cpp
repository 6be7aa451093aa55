// Reads manifests as streams: what stays in memory is the header, the pack table and the references
// to pages; pages and leaves are read, checked, handed out and dropped one at a time.
#include <algorithm>
#include <set>
#include <tuple>

#include "repo/file_page.hpp"
#include "repo/manifest_checks.hpp"
#include "repo/manifest_key.hpp"
#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

struct ManifestReader::State {
    const std::string key;
    PackStore packs;
    format::ManifestHeader header;
    std::vector<format::FilePageRef> pages;
    std::vector<format::PageFailure> page_failures;
    std::set<uint32_t> roots;

    explicit State(const Incarnation& incarnation, std::string_view backup_id)
        : key(incarnation.keys().Manifest(backup_id)), packs(incarnation) {}

    base::Error Damaged(base::Error error) const { return NameObject(std::move(error), key); }
    base::Status Take(format::ManifestPart part);
    base::Status CheckPages() const;
    base::Status CheckPacksKnown(const std::vector<FileExtent>& extents) const;
    base::Result<ParsedPage> ReadPage(ChunkReader& chunks, const format::FilePageRef& ref,
                                      FileOrder& order) const;
    base::Result<std::vector<FileExtent>> ReadLeaf(ChunkReader& chunks,
                                                   const StoredLeaf& leaf) const;
    base::Status VisitFile(ChunkReader& chunks, const ParsedPage& page, format::FileEntry& entry,
                           const std::function<base::Status(const FileRun&)>& visit) const;
};

base::Status ManifestReader::State::Take(format::ManifestPart part) {
    for (const auto& pack : part.packs()) AGRI_TRY(packs.Add(pack));
    for (auto& page : *part.mutable_file_pages()) {
        AGRI_TRY(CheckFilePageRef(pages.empty() ? nullptr : &pages.back(), page));
        pages.push_back(std::move(page));
    }
    for (auto& failure : *part.mutable_page_failures()) page_failures.push_back(std::move(failure));
    if (page_failures.size() > kMaxPageFailures)
        return MakeError(ErrorCode::kCorrupt, "it lists more than {} damaged pages",
                         kMaxPageFailures);
    return {};
}

base::Status ManifestReader::State::CheckPages() const {
    for (const format::FilePageRef& ref : pages) {
        AGRI_ASSIGN(const StoredChunk chunk, ResolvePage(ref));
        AGRI_TRY(CheckPacksKnown({{.length = 1, .chunk = chunk}}));
        if (!roots.contains(ref.first_root()))
            return MakeError(ErrorCode::kCorrupt, "file root {} is unknown", ref.first_root());
    }
    return {};
}

base::Status ManifestReader::State::CheckPacksKnown(const std::vector<FileExtent>& extents) const {
    for (const FileExtent& extent : extents) {
        if (!extent.chunk) continue;
        const format::PackRef* pack = packs.Find(extent.chunk->pack);
        if (pack == nullptr)
            return MakeError(ErrorCode::kCorrupt, "it does not list pack {}, which it refers to",
                             base::ToHex(extent.chunk->pack));
        AGRI_TRY(CheckChunkBounds(*extent.chunk, pack->length()));
    }
    return {};
}

base::Result<ParsedPage> ManifestReader::State::ReadPage(ChunkReader& chunks,
                                                         const format::FilePageRef& ref,
                                                         FileOrder& order) const {
    AGRI_ASSIGN(const StoredChunk chunk, ResolvePage(ref));
    AGRI_ASSIGN(const base::ByteView plain, chunks.Read(chunk));
    auto page = ParseFilePage(plain, ref, order);
    if (!page) return Damaged(std::move(page).error());
    for (const auto& entry : page->page.files())
        if (!roots.contains(entry.root()))
            return Damaged(MakeError(ErrorCode::kCorrupt, "file {} stands in the unknown root {}",
                                     QuotePath(entry.path()), entry.root()));
    return page;
}

base::Result<std::vector<FileExtent>> ManifestReader::State::ReadLeaf(
    ChunkReader& chunks, const StoredLeaf& leaf) const {
    AGRI_ASSIGN(const base::ByteView plain, chunks.Read(leaf.chunk));
    auto extents = ParseLeaf(plain, leaf.length);
    if (!extents) return Damaged(std::move(extents).error());
    base::Status known = CheckPacksKnown(*extents);
    if (!known) return Damaged(std::move(known).error());
    return extents;
}

base::Status ManifestReader::State::VisitFile(
    ChunkReader& chunks, const ParsedPage& page, format::FileEntry& entry,
    const std::function<base::Status(const FileRun&)>& visit) const {
    if (entry.leaves().empty()) {
        auto extents = ResolveExtents(page, entry);
        if (!extents) return Damaged(std::move(extents).error());
        base::Status known = CheckPacksKnown(*extents);
        if (!known) return Damaged(std::move(known).error());
        entry.clear_extents();
        return visit({.entry = entry, .extents = *extents});
    }
    auto leaves = ResolveLeaves(page, entry);
    if (!leaves) return Damaged(std::move(leaves).error());
    entry.clear_leaves();
    uint64_t offset = 0;
    for (const StoredLeaf& leaf : *leaves) {
        AGRI_ASSIGN(const std::vector<FileExtent> extents, ReadLeaf(chunks, leaf));
        const bool is_last = offset + leaf.length == entry.size();
        AGRI_TRY(visit({entry, offset, extents, is_last, &leaf.chunk}));
        offset += leaf.length;
    }
    return {};
}

ManifestReader::ManifestReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ManifestReader::~ManifestReader() = default;
ManifestReader::ManifestReader(ManifestReader&&) noexcept = default;

base::Result<ManifestReader> ManifestReader::Open(const Incarnation& incarnation,
                                                  std::string_view backup_id) {
    AGRI_ASSIGN(SealedReader reader, OpenManifest(incarnation, backup_id));
    auto state = std::make_unique<State>(incarnation, backup_id);
    AGRI_ASSIGN(state->header, ReadHeaderFrame(incarnation, backup_id, reader));
    for (const auto& root : state->header.roots()) state->roots.insert(root.id());
    while (true) {
        AGRI_ASSIGN(const std::optional<base::ByteView> plain, reader.Next());
        if (!plain) break;
        auto part = ParseManifestPart(*plain);
        if (!part) return state->Damaged(std::move(part).error());
        base::Status taken = state->Take(std::move(*part));
        if (!taken) return state->Damaged(std::move(taken).error());
    }
    base::Status checked = state->CheckPages();
    if (!checked) return state->Damaged(std::move(checked).error());
    return ManifestReader(std::move(state));
}

const format::ManifestHeader& ManifestReader::header() const { return state_->header; }
const PackStore& ManifestReader::packs() const { return state_->packs; }
const std::vector<format::FilePageRef>& ManifestReader::pages() const { return state_->pages; }
const std::vector<format::PageFailure>& ManifestReader::page_failures() const {
    return state_->page_failures;
}

base::Status ManifestReader::ForEachFile(
    const std::function<base::Status(const FileRun&)>& visit) const {
    ChunkReader chunks(state_->packs, state_->header.digest_seed());
    FileOrder order;
    for (const format::FilePageRef& ref : state_->pages) {
        AGRI_ASSIGN(ParsedPage page, state_->ReadPage(chunks, ref, order));
        for (auto& entry : *page.page.mutable_files())
            AGRI_TRY(state_->VisitFile(chunks, page, entry, visit));
    }
    return {};
}

base::Result<std::optional<ManifestReader::File>> ManifestReader::FindFile(
    uint32_t root, std::string_view path) const {
    const auto wanted = std::tuple(root, path);
    // The first page that begins past the file: it can only stand in the one before.
    const auto after = std::upper_bound(
        state_->pages.begin(), state_->pages.end(), wanted,
        [](const auto& file, const format::FilePageRef& ref) {
            return file < std::tuple(ref.first_root(), std::string_view(ref.first_path()));
        });
    if (after == state_->pages.begin()) return std::nullopt;
    ChunkReader chunks(state_->packs, state_->header.digest_seed());
    FileOrder order;
    AGRI_ASSIGN(ParsedPage page, state_->ReadPage(chunks, *std::prev(after), order));
    auto& files = *page.page.mutable_files();
    const auto place = std::lower_bound(
        files.begin(), files.end(), wanted, [](const format::FileEntry& entry, const auto& file) {
            return std::tuple(entry.root(), std::string_view(entry.path())) < file;
        });
    if (place == files.end() || place->root() != root || place->path() != path) return std::nullopt;
    File found;
    AGRI_TRY(state_->VisitFile(chunks, page, *place, [&](const FileRun& run) -> base::Status {
        found.extents.insert(found.extents.end(), run.extents.begin(), run.extents.end());
        return {};
    }));
    found.entry = std::move(*place);
    return std::optional<File>(std::move(found));
}

}  // namespace agri::repo

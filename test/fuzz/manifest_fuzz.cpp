// Fuzzes everything that turns plain bytes of packs, manifests and WAL objects into numbers to go
// by. The first byte chooses the message; what a parser accepts is then used as a reader would use
// it, so that a check that is missing shows as a crash or a sanitizer's report.
#include <cstdlib>

#include "repo/file_page.hpp"
#include "repo/manifest_checks.hpp"
#include "repo/pack_format.hpp"
#include "repo/wal_index.hpp"

namespace agri::repo {
namespace {

using base::ByteView;

void Expect(bool condition) {
    if (!condition) std::abort();
}

// Extents that were accepted cover exactly `size` bytes and stay inside their chunks.
void CheckExtents(const std::vector<FileExtent>& extents, uint64_t size) {
    uint64_t covered = 0;
    for (const FileExtent& extent : extents) {
        Expect(extent.length > 0 && covered + extent.length > covered);
        covered += extent.length;
        if (!extent.chunk) continue;
        Expect(extent.chunk->plain_length <= kMaxFramePlainBytes);
        Expect(extent.chunk_offset + extent.length <= extent.chunk->plain_length);
    }
    Expect(covered == size);
}

void FuzzFilePage(ByteView plain) {
    // The reference is the attacker's too: take it from the page, so that the rest is reached.
    format::FilePage page;
    if (!page.ParseFromArray(plain.data(), static_cast<int>(plain.size()))) return;
    if (page.files().empty()) return;
    format::FilePageRef ref;
    ref.set_files(static_cast<uint32_t>(page.files_size()));
    ref.set_first_root(page.files(0).root());
    ref.set_first_path(page.files(0).path());
    FileOrder order;
    const auto parsed = ParseFilePage(plain, ref, order);
    if (!parsed) return;
    for (const auto& entry : parsed->page.files()) {
        Expect(entry.path().empty() || IsSafeRelativePath(entry.path()));
        if (const auto extents = ResolveExtents(*parsed, entry); extents && entry.leaves().empty())
            CheckExtents(*extents, entry.inline_content().empty() ? entry.size() : 0);
        const auto leaves = ResolveLeaves(*parsed, entry);
        uint64_t covered = 0;
        if (leaves)
            for (const StoredLeaf& leaf : *leaves) covered += leaf.length;
        Expect(!leaves || covered == entry.size());
    }
}

void FuzzLeaf(ByteView plain) {
    if (plain.size() < sizeof(uint64_t)) return;
    const auto length = base::LoadLe<uint64_t>(plain.data());
    const auto extents = ParseLeaf(plain.subspan(sizeof(uint64_t)), length);
    if (extents) CheckExtents(*extents, length);
}

void FuzzManifestPart(ByteView plain) {
    const auto part = ParseManifestPart(plain);
    if (!part) return;
    for (const auto& pack : part->packs()) Expect(ToPackId(pack.pack_id()).has_value());
    const format::FilePageRef* previous = nullptr;
    for (const auto& page : part->file_pages()) {
        if (!CheckFilePageRef(previous, page)) return;
        const auto chunk = ResolvePage(page);
        Expect(chunk && chunk->plain_length <= kMaxFramePlainBytes);
        previous = &page;
    }
}

void FuzzWalIndex(ByteView plain) {
    for (const char* name : {"000000010000000000000003", "000000010000000000000003.partial",
                             "000000010000000000000003.00000028.backup", "00000002.history"}) {
        const auto index = ParseWalIndex(plain, *base::WalFileName::Parse(name), 1u << 20);
        if (index) Expect(index->plain_length() <= kMaxWalFileBytes && index->name() == name);
    }
}

void FuzzPackFooter(ByteView plain) {
    if (plain.size() < kPackTrailerBytes) return;
    const auto trailer = PackTrailer::Decode(plain.first(kPackTrailerBytes));
    const ByteView footer = plain.subspan(kPackTrailerBytes);
    if (trailer) (void)ParsePackFooter(footer, *trailer);
    // Magic and offset are hard to guess: also as if they were right.
    format::PackFooter message;
    if (!message.ParseFromArray(footer.data(), static_cast<int>(footer.size()))) return;
    PackTrailer fitting{kObjectHeaderBytes, static_cast<uint32_t>(message.entries_size())};
    for (const auto& entry : message.entries())
        fitting.footer_offset += kFrameOverheadBytes + entry.stored_length();
    (void)ParsePackFooter(footer, fitting);
}

}  // namespace
}  // namespace agri::repo

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const agri::base::ByteView plain(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
    switch (data[0] % 5) {
        case 0:
            agri::repo::FuzzFilePage(plain);
            break;
        case 1:
            agri::repo::FuzzLeaf(plain);
            break;
        case 2:
            agri::repo::FuzzManifestPart(plain);
            break;
        case 3:
            agri::repo::FuzzWalIndex(plain);
            break;
        default:
            agri::repo::FuzzPackFooter(plain);
            break;
    }
    return 0;
}

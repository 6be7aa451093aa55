// File pages and leaves: bounded messages that refer to chunks by ordinals of their own tables. The
// builder numbers chunks as files refer to them, the parsers turn ordinals back and check every
// one. Errors name neither manifest nor pack: callers add it.
#pragma once

#include <vector>

#include "repo/manifest_checks.hpp"

namespace agri::repo {

using FileExtent = ManifestWriter::FileExtent;

// A leaf to refer to: where it is stored and how many of the file's bytes it covers.
struct StoredLeaf {
    uint64_t length = 0;
    StoredChunk chunk;
};

// A page as read: its entries are in form and in order, its chunks resolved.
struct ParsedPage {
    format::FilePage page;
    std::vector<StoredChunk> chunks;
};

// kCorrupt unless the page is what `ref` says, in itself consistent, and goes on where `order`
// stands.
base::Result<ParsedPage> ParseFilePage(base::ByteView plain, const format::FilePageRef& ref,
                                       FileOrder& order);
// The extents of a small file; they cover exactly entry.size().
base::Result<std::vector<FileExtent>> ResolveExtents(const ParsedPage& page,
                                                     const format::FileEntry& entry);
// The leaves of a large file; they cover exactly entry.size().
base::Result<std::vector<StoredLeaf>> ResolveLeaves(const ParsedPage& page,
                                                    const format::FileEntry& entry);
// A leaf's extents; they cover exactly `length`.
base::Result<std::vector<FileExtent>> ParseLeaf(base::ByteView plain, uint64_t length);

}  // namespace agri::repo

// The manifest as an object: its frames, and what to say when its key is taken.
#pragma once

#include <set>

#include "repo/manifest.hpp"

namespace agri::repo {

struct ManifestContents {
    const format::ManifestHeader& header;
    const std::vector<format::PackRef>& packs;
    const std::vector<format::FilePageRef>& pages;
    const std::vector<format::PageFailure>& page_failures;
    // What files, leaves and pages refer to: must be among `packs` and the header's roots.
    const std::set<PackId>& referenced;
    const std::set<uint32_t>& roots;
};

// Writes the object; durable on return. kConflict when a tombstone or another manifest stands
// there.
base::Status PutManifest(const Incarnation& incarnation, const ManifestContents& contents);

}  // namespace agri::repo

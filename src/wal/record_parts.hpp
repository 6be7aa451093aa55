// Collects the bytes of a record that crosses pages, checking every page under it. Private to
// src/wal.
#pragma once

#include <string>
#include <vector>

#include "wal/page_walker.hpp"

namespace agri::wal {

enum class PartsEnd {
    kWhole,        // all bytes are there
    kSegmentEnd,   // the segment ended first
    kOverwritten,  // crash recovery gave the record up at the page at `end`
    kBad,          // `problem` says what is wrong with the page at `end`
};

struct RecordParts {
    std::vector<base::ByteView> views;  // in order, page headers left out; into the segment
    size_t end = 0;                     // where the last byte taken ends
    std::string problem;
};

// Takes `missing` bytes of a record from `offset`, behind its page's header, on.
PartsEnd GatherParts(PageWalker& pages, size_t offset, uint64_t missing, RecordParts& parts);

}  // namespace agri::wal

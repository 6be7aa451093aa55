// Walks the pages of one segment held in memory: a page's bytes are handed out only after its
// header was checked against the segment's (XLogReaderValidatePageHeader of xlogreader.c). Private
// to src/wal. Invariant: no view reaches beyond the segment's bytes in memory.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "wal/page.hpp"

namespace agri::wal {

class PageWalker {
   public:
    // `segment` outlives the walker and starts with the page that `header` was read from.
    PageWalker(base::ByteView segment, const SegmentHeader& header)
        : segment_(segment), header_(header), last_timeline_(header.timeline) {}

    size_t page_size() const { return header_.page_size_bytes; }
    size_t segment_size() const { return header_.segment_size_bytes; }
    base::Lsn LsnAt(size_t offset) const { return {header_.start.value + offset}; }
    bool IsPageStart(size_t offset) const { return (offset & (page_size() - 1)) == 0; }
    // End of the page that holds `offset`, of which maybe not all is in memory.
    size_t PageEnd(size_t offset) const { return (offset & ~(page_size() - 1)) + page_size(); }
    // Whether `length` bytes at `offset` are in memory.
    bool Has(size_t offset, size_t length) const {
        return offset <= segment_.size() && length <= segment_.size() - offset;
    }
    base::ByteView View(size_t offset, size_t length) const {
        return segment_.subspan(offset, length);
    }

    // Checks the header of the page at `offset` (not the segment's first) and loads it. Pages are
    // entered in ascending order. False: problem() says why.
    bool Enter(size_t offset, PageHeader& page);
    const std::string& problem() const { return problem_; }
    // Highest timeline among the pages entered.
    base::TimelineId last_timeline() const { return last_timeline_; }

    // Whether every byte from `offset` on is zero, page headers apart.
    bool IsZeroFrom(size_t offset) const;

   private:
    bool Fail(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }

    base::ByteView segment_;
    const SegmentHeader& header_;
    base::TimelineId last_timeline_;
    std::string problem_;
};

}  // namespace agri::wal

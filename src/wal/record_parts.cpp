#include "wal/record_parts.hpp"

#include <algorithm>

namespace agri::wal {

PartsEnd GatherParts(PageWalker& pages, size_t offset, uint64_t missing, RecordParts& parts) {
    parts.views.clear();
    parts.end = offset;
    while (true) {
        const size_t length = std::min<uint64_t>(missing, pages.PageEnd(offset) - offset);
        if (!pages.Has(offset, length)) {
            parts.problem = "the WAL at hand ends within a record";
            return PartsEnd::kBad;
        }
        parts.views.push_back(pages.View(offset, length));
        missing -= length;
        offset += length;
        parts.end = offset;
        if (missing == 0) return PartsEnd::kWhole;
        if (offset == pages.segment_size()) return PartsEnd::kSegmentEnd;
        PageHeader page;
        if (!pages.Enter(offset, page)) {
            parts.problem = pages.problem();
            return PartsEnd::kBad;
        }
        if ((page.flags & kPageOverwritesRecord) != 0) return PartsEnd::kOverwritten;
        if ((page.flags & kPageContinuesRecord) == 0) {
            parts.problem = "there is no contrecord flag at " + page.address.ToString();
            return PartsEnd::kBad;
        }
        if (page.remaining_bytes != missing) {
            parts.problem = fmt::format("invalid contrecord length {} (expected {}) at {}",
                                        page.remaining_bytes, missing, page.address.ToString());
            return PartsEnd::kBad;
        }
        offset += kShortPageHeaderBytes;
    }
}

}  // namespace agri::wal

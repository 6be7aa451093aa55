#include "wal/page_walker.hpp"

#include <algorithm>

namespace agri::wal {

bool PageWalker::Enter(size_t offset, PageHeader& page) {
    const base::Lsn address = LsnAt(offset);
    if (!Has(offset, kShortPageHeaderBytes))
        return Fail(fmt::format("the WAL at hand ends at {}", LsnAt(segment_.size()).ToString()));
    page = LoadPageHeader(View(offset, kShortPageHeaderBytes));
    if (page.magic != header_.magic) {
        return Fail(
            fmt::format("invalid magic number {:04X} at {}", page.magic, address.ToString()));
    }
    // A long header stands at the start of a segment only.
    if ((page.flags & ~kPageAllFlags) != 0 || (page.flags & kPageHasLongHeader) != 0)
        return Fail(fmt::format("invalid info bits {:04X} at {}", page.flags, address.ToString()));
    if (page.address != address) {
        return Fail(fmt::format("unexpected pageaddr {} at {}", page.address.ToString(),
                                address.ToString()));
    }
    if (page.timeline < last_timeline_) {
        return Fail(fmt::format("out-of-sequence timeline ID {} (after {}) at {}",
                                page.timeline.value, last_timeline_.value, address.ToString()));
    }
    last_timeline_ = page.timeline;
    return true;
}

bool PageWalker::IsZeroFrom(size_t offset) const {
    while (offset < segment_.size()) {
        if (IsPageStart(offset)) offset += kShortPageHeaderBytes;
        const size_t end = std::min(PageEnd(offset), segment_.size());
        if (offset < end && !base::IsAllZero(View(offset, end - offset))) return false;
        offset = end;
    }
    return true;
}

}  // namespace agri::wal

#include "engine/unfinished_wal.hpp"

#include <algorithm>

#include "wal/history_file.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::engine {

using base::Bytes;
using base::ErrorCode;
using base::Lsn;
using base::Result;

Result<size_t> LengthOfWal(base::ByteView segment, uint64_t start_lsn) {
    AGRI_ASSIGN(const wal::SegmentScan scan, wal::ScanSegment(segment));
    const uint64_t end = std::max(scan.end.lsn.value, start_lsn) - start_lsn;
    return std::min<uint64_t>(end, segment.size());
}

base::WalFileName UnfinishedWal::PartialName(base::SegmentId segment) const {
    return *base::WalFileName::Parse(segment.FileName(SegmentSize()) + ".partial");
}

// What a promotion left of the old timeline: PostgreSQL's own file, whose rest may be anything.
Result<Bytes> UnfinishedWal::ReadPartial(base::SegmentId segment) const {
    Bytes content;
    auto read = archive_.Read(PartialName(segment), [&](base::ByteView part) -> base::Status {
        content.insert(content.end(), part.begin(), part.end());
        return {};
    });
    if (!read && read.error().code == ErrorCode::kNotFound) return Bytes();
    if (!read) return std::move(read).error();
    AGRI_ASSIGN(const size_t length, LengthOfWal(content, segment.Start(SegmentSize()).value));
    content.resize(length);
    return content;
}

// Where the first archived timeline leaves this one; the segment's end when none does before.
Result<Lsn> UnfinishedWal::BranchPoint(base::SegmentId segment) const {
    Lsn first = segment.End(SegmentSize());
    AGRI_ASSIGN(const std::vector<std::string> files, archive_.HistoryFiles());
    for (const std::string& file : files) {
        const auto name = base::WalFileName::Parse(file);
        if (!name || name->timeline <= segment.timeline) continue;
        AGRI_ASSIGN(const std::string text, archive_.ReadHistory(name->timeline));
        AGRI_ASSIGN(const auto history, wal::TimelineHistory::Parse(name->timeline, text));
        if (const auto branch = history.BranchPointOf(segment.timeline))
            first = std::min(first, *branch);
    }
    return first;
}

Result<std::optional<UnfinishedSegment>> UnfinishedWal::Read(base::SegmentId segment) const {
    AGRI_ASSIGN(std::optional<repo::TailPart> tail, tail_.Read(segment));
    UnfinishedSegment found;
    if (tail) found.content = std::move(tail->content);
    AGRI_ASSIGN(Bytes partial, ReadPartial(segment));
    if (partial.size() > found.content.size()) found.content = std::move(partial);
    if (found.content.empty()) return std::nullopt;
    const Lsn start = segment.Start(SegmentSize());
    AGRI_ASSIGN(const Lsn branch, BranchPoint(segment));
    if (branch <= start) return std::nullopt;
    found.content.resize(std::min(found.content.size(), branch.value - start.value));
    found.end = Lsn{start.value + found.content.size()};
    found.content.resize(SegmentSize());
    return found;
}

std::string UnfinishedWal::KeyOf(base::SegmentId segment,
                                 const std::vector<base::SegmentId>& partials) const {
    const bool is_partial = std::find(partials.begin(), partials.end(), segment) != partials.end();
    return is_partial ? incarnation_->keys().Wal(PartialName(segment))
                      : incarnation_->keys().TailFolder();
}

Result<std::vector<base::SegmentId>> UnfinishedWal::Candidates(
    std::vector<base::SegmentId> partials) const {
    AGRI_ASSIGN(std::vector<base::SegmentId> found, tail_.Segments());
    found.insert(found.end(), partials.begin(), partials.end());
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace agri::engine

#include "engine/segment_source.hpp"

#include "engine/wal_index_facts.hpp"
#include "repo/catalog.hpp"

namespace agri::engine {

using base::Result;
using base::Status;

namespace {

// How far back a search for a commit goes: an idle server archives few segments without one.
constexpr uint64_t kCommitlessSegments = 4096;

}  // namespace

base::WalFileName SegmentSource::NameOf(base::SegmentId segment) const {
    const std::string name = segment.FileName(segment_size_);
    return {base::WalFileKind::kSegment, name, segment.timeline, name};
}

// No index was stored of it; what a record from the segment before says stays unknown.
Result<repo::format::WalIndex> SegmentSource::IndexOf(const UnfinishedSegment& unfinished,
                                                      base::SegmentId segment) const {
    AGRI_ASSIGN(wal::SegmentScan scan, wal::ScanSegment(unfinished.content));
    const base::Lsn first_record = scan.facts.first_record;
    wal::SegmentCarry carry;
    const wal::StitchResult stitched = wal::Stitch(carry, scan);
    repo::format::WalIndex index;
    index.set_name(segment.FileName(segment_size_));
    SetWalFacts({scan, stitched, carry, first_record, base::WalFileKind::kPartial}, index);
    return index;
}

Result<repo::format::WalIndex> SegmentSource::ReadIndex(base::SegmentId segment) const {
    AGRI_TRY(context_.cancel.Check());
    auto index = archive_.ReadIndex(NameOf(segment));
    if (index || index.error().code != base::ErrorCode::kNotFound) return index;
    AGRI_ASSIGN(auto unfinished, unfinished_.Read(segment));
    if (!unfinished) return index;
    return IndexOf(*unfinished, segment);
}

Result<base::Bytes> SegmentSource::ReadContent(base::SegmentId segment) const {
    AGRI_TRY(context_.cancel.Check());
    base::Bytes content;
    content.reserve(segment_size_);
    auto read = archive_.Read(NameOf(segment), [&](base::ByteView part) -> Status {
        content.insert(content.end(), part.begin(), part.end());
        return {};
    });
    if (read) return content;
    if (read.error().code != base::ErrorCode::kNotFound) return std::move(read).error();
    AGRI_ASSIGN(auto unfinished, unfinished_.Read(segment));
    if (!unfinished) return std::move(read).error();
    return std::move(unfinished->content);
}

namespace {

// What was read; nothing when it is of no use, which is noted.
template <class T>
Result<std::optional<T>> ReadableOrNone(Result<T> read, base::SegmentId segment,
                                        SegmentDamage& damage) {
    if (read) return std::optional<T>(std::move(*read));
    if (!repo::ConcernsOneObject(read.error().code)) return std::move(read).error();
    damage.Note(segment, read.error());
    return std::optional<T>();
}

}  // namespace

Result<std::optional<repo::format::WalIndex>> SegmentSource::Index(base::SegmentId segment) const {
    return ReadableOrNone(ReadIndex(segment), segment, damage_);
}

Result<std::optional<base::Bytes>> SegmentSource::Content(base::SegmentId segment) const {
    return ReadableOrNone(ReadContent(segment), segment, damage_);
}

Status RecordWalk::Visit(base::SegmentId segment) {
    if (last_number_ && *last_number_ + 1 != segment.number) carry_ = {};
    last_number_ = segment.number;
    AGRI_ASSIGN(const auto read, source_.Content(segment));
    if (!read) {
        carry_ = {};
        scan_ = {};
        return {};
    }
    const base::Bytes& content = *read;
    wal::ScanOptions options;
    options.identity = wal::SegmentIdentity{0, segment, source_.segment_size()};
    AGRI_ASSIGN(scan_, wal::ScanSegment(content, options));
    // The record that ends in the head comes first, so the records of the segment are visited only
    // once it was put together.
    wal::Stitch(carry_, scan_, &visitor_);
    options.visitor = &visitor_;
    AGRI_TRY(wal::ScanSegment(content, options));
    return {};
}

Result<uint64_t> FirstAtOrBeyond(
    const SegmentSource& source, const SegmentPath& path,
    const std::function<IndexVerdict(const repo::format::WalIndex&)>& judge) {
    uint64_t low = 0, high = path.size(), found = path.size();
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        uint64_t probe = middle;
        IndexVerdict verdict = IndexVerdict::kSilent;
        for (; probe < high; ++probe) {
            AGRI_ASSIGN(const auto index, source.Index(path.At(probe)));
            verdict = index ? judge(*index) : IndexVerdict::kSilent;
            if (verdict != IndexVerdict::kSilent) break;
        }
        if (verdict == IndexVerdict::kBefore) {
            low = probe + 1;
        } else {
            if (verdict == IndexVerdict::kAtOrBeyond) found = probe;
            high = middle;
        }
    }
    return found;
}

Result<std::optional<CommitMoment>> LastCommitAtOrBefore(const SegmentSource& source,
                                                         const SegmentPath& path, uint64_t index) {
    for (uint64_t tried = 0; tried < kCommitlessSegments && index < path.size(); ++tried) {
        const base::SegmentId segment = path.At(index);
        AGRI_ASSIGN(const auto wal, source.Index(segment));
        if (wal && wal->commits() > 0)
            return std::optional(CommitMoment{segment, wal->last_commit_us()});
        if (index-- == 0) break;
    }
    return std::optional<CommitMoment>();
}

}  // namespace agri::engine

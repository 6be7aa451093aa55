// WAL objects of one incarnation: putting a file once, reading it back, and knowing what is there
// without decoding it again. The same content again is success; different content is kConflict.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "repo/repository.hpp"

namespace agri::repo {

struct WalPut {
    storage::PutOutcome outcome = storage::PutOutcome::kCreated;
    uint64_t stored_bytes = 0;  // written by this call: 0 with kExists
    format::WalIndex index;     // as it stands in the archive
};

struct TimelineRange {  // WAL without a hole, of one timeline
    base::TimelineId timeline;
    base::Lsn from;  // start of the first segment
    base::Lsn to;    // end of the last segment
    uint64_t segments = 0;
    uint64_t stored_bytes = 0;
    // nullopt-like (0) when unknown; filled by DescribeRange only.
    int64_t first_commit_us = 0;
    int64_t last_commit_us = 0;
};

// What stands in a timeline's folder, by its names.
struct WalSurvey {
    std::vector<TimelineRange> ranges;
    std::vector<base::SegmentId> partial_segments;
    uint64_t backup_history_files = 0;
    uint64_t changed_block_maps = 0;
    uint64_t foreign_names = 0;  // not ours, or not where they belong: never read, never removed
};

// kConflict: what is archived as `there` is not what a server has under that name. `ours` are
// sentences about the latter.
base::Error DifferentContent(const format::WalIndex& there, std::string_view ours);

// Thread-safe. The incarnation must outlive it.
class WalArchive {
   public:
    explicit WalArchive(const Incarnation& incarnation);

    // Stores `content` under the name in `index` (which carries its facts; what follows from name,
    // content and clock is filled in here: kind, timeline, start LSN, sha256, length, time). A
    // segment of another length or another system is kInvalidArgument or kConflict. Durable on
    // return. When an object stands there: equal sha256 → kExists after making it durable; another
    // → kConflict naming both digests, hosts and times and the way out; an unreadable one →
    // kCorrupt.
    base::Result<WalPut> Put(format::WalIndex index, base::ByteView content, int compression_level,
                             const base::Clock& clock);
    // For who must not write: whether `content` stands there under that name, made durable; other
    // content is kConflict as with Put.
    base::Result<bool> Confirm(format::WalIndex index, base::ByteView content,
                               const base::Clock& clock) const;
    // Only frame 0.
    base::Result<format::WalIndex> ReadIndex(const base::WalFileName& file) const;
    base::Result<bool> Exists(const base::WalFileName& file) const;
    // Streams the plain content, whose length and digest are checked before the last call returns
    // OK.
    base::Result<format::WalIndex> Read(
        const base::WalFileName& file,
        const std::function<base::Status(base::ByteView)>& sink) const;
    // Timelines that have segments, sorted.
    base::Result<std::vector<base::TimelineId>> Timelines() const;
    // Contiguous ranges of a timeline, by listing names only. What is no segment is left out of
    // them; Survey counts it.
    base::Result<std::vector<TimelineRange>> Ranges(base::TimelineId timeline) const;
    base::Result<WalSurvey> Survey(base::TimelineId timeline) const;
    base::Result<std::vector<std::string>> HistoryFiles() const;
    base::Result<std::string> ReadHistory(base::TimelineId timeline) const;
    // An operator's declaration that WAL is lost for good; durable on return. The same range again
    // is success, another end for the same beginning kConflict.
    base::Status DeclareGap(const format::DeclaredGap& gap);
    base::Result<std::vector<format::DeclaredGap>> Gaps(base::TimelineId timeline) const;

   private:
    const Incarnation* incarnation_;
};

}  // namespace agri::repo

// Times and LSNs. Commit times are taken before records are placed, so they ascend only roughly:
// the bisection over segments is followed by a walk that starts a few segments earlier.
#include <algorithm>

#include "engine/target_search.hpp"
#include "wal/target_search.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::Result;

namespace {

int64_t Microseconds(base::WallTime time) { return time.time_since_epoch().count(); }

bool IsBeyond(int64_t time_us, const RecoveryTarget& target) {
    const int64_t wanted = Microseconds(target.time);
    return target.exclusive ? time_us >= wanted : time_us > wanted;
}

IndexVerdict JudgeTime(const repo::format::WalIndex& index, const RecoveryTarget& target) {
    if (index.commits() == 0) return IndexVerdict::kSilent;
    return IsBeyond(index.last_commit_us(), target) ? IndexVerdict::kAtOrBeyond
                                                    : IndexVerdict::kBefore;
}

base::Error EndsBefore(const RecoveryTarget& target,
                       const std::optional<wal::TransactionEnd>& last_commit) {
    auto error = MakeError(ErrorCode::kUnreachableTarget,
                           "the archived WAL ends before the recovery target time {}",
                           base::FormatTime(target.time));
    if (!last_commit) return std::move(error).WithDetail("There is no commit at its end.");
    return std::move(error)
        .WithDetail(fmt::format("The last commit in the archive is at {}, LSN {}.",
                                base::FormatTime(last_commit->time), last_commit->start.ToString()))
        .WithHint("Use that time, or no target to recover to the end of WAL.");
}

// The target is the very last commit: PostgreSQL would look in vain for a later one to stop before,
// so it is told to stop right after that commit's record.
TargetPosition AtLastCommit(const wal::TransactionEnd& commit, RecoveryTarget target,
                            uint64_t segment_size) {
    target.kind = TargetKind::kLsn;
    target.lsn = commit.start;
    target.exclusive = false;
    return {
        commit.end, (commit.end.value - 1) / segment_size, Microseconds(commit.time), target, {}};
}

}  // namespace

std::string FormatMicroseconds(int64_t time_us) {
    return base::FormatTime(base::WallTime(std::chrono::microseconds(time_us)));
}

Result<TargetPosition> FindTime(const SegmentSource& source, const SegmentPath& path,
                                const RecoveryTarget& target) {
    AGRI_ASSIGN(const uint64_t beyond,
                FirstAtOrBeyond(source, path, [&](const repo::format::WalIndex& index) {
                    return JudgeTime(index, target);
                }));
    wal::TimeFinder finder(target.time, target.exclusive ? wal::TargetInclusion::kExclusive
                                                         : wal::TargetInclusion::kInclusive);
    uint64_t first = beyond;
    if (beyond == path.size()) {
        // Nothing commits beyond it, but an abort may stand behind the last commit: look from
        // there.
        AGRI_ASSIGN(auto commit, LastCommitAtOrBefore(source, path, path.size() - 1));
        if (commit) first = path.LowerBound(commit->segment.number);
    }
    RecordWalk walk(source, finder);
    for (uint64_t i = first - std::min(first, kSegmentsBefore); i < path.size(); ++i) {
        AGRI_TRY(walk.Visit(path.At(i)));
        if (finder.stop()) break;
    }
    const auto& last = finder.last_commit();
    if (finder.stop())
        return TargetPosition{finder.stop()->start,
                              (finder.stop()->end.value - 1) / source.segment_size(),
                              last ? Microseconds(last->time) : 0,
                              target,
                              {}};
    if (last && last->time == target.time)
        return AtLastCommit(*last, target, source.segment_size());
    return EndsBefore(target, last);
}

namespace {

// Visits nothing: only the facts that the scan collects are wanted.
class NoVisitor : public wal::RecordVisitor {
   public:
    bool Wants(const wal::RecordHeader&) const override { return false; }
    void Visit(const wal::Record&) override {}
};

}  // namespace

Result<wal::WalFacts> FactsOfSegment(const SegmentSource& source, const SegmentPath& path,
                                     uint64_t index) {
    NoVisitor visitor;
    RecordWalk walk(source, visitor);
    for (uint64_t i = index - std::min<uint64_t>(index, 1); i <= index; ++i)
        AGRI_TRY(walk.Visit(path.At(i)));
    const uint64_t number = path.At(index).number;
    for (DamagedSegment& it : source.damage().On(path, number, number + 1))
        return std::move(it.error);
    return walk.last_scan().facts;
}

namespace {

// Number of the last segment that PostgreSQL reads for the LSN: it stops at the first record that
// begins there or behind, and behind pg_switch_wal() a segment has none.
Result<uint64_t> LastSegmentFor(const SegmentSource& source, const SegmentPath& path, Lsn lsn) {
    const uint64_t number = lsn.value / source.segment_size();
    const uint64_t index = path.LowerBound(number);
    if (index == path.size() || path.At(index).number != number) return number;
    NoVisitor visitor;
    RecordWalk walk(source, visitor);
    AGRI_TRY(walk.Visit(path.At(index)));
    return walk.last_scan().facts.last_record < lsn ? number + 1 : number;
}

}  // namespace

Result<TargetPosition> FindLsn(const SegmentSource& source, const SegmentPath& path,
                               const RecoveryTarget& target) {
    const uint64_t number = target.lsn.value / source.segment_size();
    TargetPosition position{target.lsn, number, 0, target, {}};
    if (number >= path.last_number()) {
        // PostgreSQL stops at the first record that begins at or behind the target: there must be
        // one.
        AGRI_ASSIGN(const wal::WalFacts facts, FactsOfSegment(source, path, path.size() - 1));
        if (target.lsn > facts.last_record_end)
            return MakeError(ErrorCode::kUnreachableTarget,
                             "the archived WAL ends before the recovery target LSN {}",
                             target.lsn.ToString())
                .WithDetail(
                    fmt::format("Its last record ends at {}.", facts.last_record_end.ToString()))
                .WithHint("Use that LSN, or no target to recover to the end of WAL.");
        if (target.lsn > facts.last_record) {
            position.effective.lsn = facts.last_record;
            position.effective.exclusive = false;
        }
    } else {
        AGRI_ASSIGN(position.last_segment, LastSegmentFor(source, path, target.lsn));
    }
    const uint64_t index = path.LowerBound(number);
    if (index == 0) return position;
    AGRI_ASSIGN(auto commit, LastCommitAtOrBefore(source, path, index - 1));
    if (commit) position.last_commit_us = commit->time_us;
    return position;
}

}  // namespace agri::engine

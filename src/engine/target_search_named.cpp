// Transaction ids and restore points: named moments, which only a walk over the indexes finds.
#include <algorithm>
#include <mutex>

#include "engine/parallel.hpp"
#include "engine/target_search.hpp"
#include "wal/target_search.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

constexpr size_t kNamesShown = 10;

// TransactionIdPrecedes() of src/backend/access/transam/transam.c, for normal ids.
bool Precedes(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

// Ids are given out in order, so no segment before the first that is not older (but for a few, see
// kSegmentsBefore) can hold the transaction's end.
IndexVerdict JudgeXid(const repo::format::WalIndex& index, uint32_t xid) {
    if (index.max_xid() == 0) return IndexVerdict::kSilent;
    return Precedes(index.max_xid(), xid) ? IndexVerdict::kBefore : IndexVerdict::kAtOrBeyond;
}

Result<std::optional<wal::TransactionEnd>> FindInSegment(const SegmentSource& source,
                                                         const SegmentPath& path, uint64_t index,
                                                         uint32_t xid) {
    wal::XidFinder finder(xid);
    RecordWalk walk(source, finder);
    for (uint64_t i = index - std::min<uint64_t>(index, 1); i <= index; ++i) {
        AGRI_TRY(walk.Visit(path.At(i)));
        if (finder.found()) break;
    }
    return finder.found();
}

base::Error NoSuchXid(uint32_t xid, uint32_t oldest, uint32_t newest) {
    auto error = MakeError(ErrorCode::kUnreachableTarget,
                           "transaction {} did not end in the archived WAL", xid);
    if (newest == 0) return std::move(error).WithDetail("No transaction ended in it.");
    return std::move(error).WithDetail(
        fmt::format("The transactions that ended there have ids from {} to {}.", oldest, newest));
}

struct NamedPoint {
    std::string name;
    Lsn lsn;
    int64_t time_us = 0;
};

Result<std::vector<NamedPoint>> AllPoints(const SegmentSource& source, const SegmentPath& path,
                                          uint32_t threads) {
    std::vector<NamedPoint> points;
    std::mutex mutex;
    AGRI_TRY(ParallelFor(path.size(), threads, [&](uint64_t i) -> Status {
        AGRI_ASSIGN(const auto index, source.Index(path.At(i)));
        if (!index) return {};
        std::lock_guard lock(mutex);
        for (const auto& point : index->restore_points())
            points.push_back({point.name(), Lsn{point.lsn()}, point.time_us()});
        return {};
    }));
    std::sort(points.begin(), points.end(),
              [](const NamedPoint& a, const NamedPoint& b) { return a.lsn < b.lsn; });
    return points;
}

base::Error NoSuchName(const std::string& name, const std::vector<NamedPoint>& points) {
    auto error = MakeError(ErrorCode::kUnreachableTarget,
                           "there is no restore point \"{}\" in the archived WAL", name);
    if (points.empty()) return std::move(error).WithDetail("There is none of any name.");
    std::string known;
    for (size_t i = points.size() - std::min(points.size(), kNamesShown); i < points.size(); ++i)
        known += fmt::format("{}\"{}\" ({})", known.empty() ? "" : ", ", points[i].name,
                             FormatMicroseconds(points[i].time_us));
    return std::move(error).WithDetail(fmt::format("The latest ones are {}.", known));
}

}  // namespace

Result<TargetPosition> FindXid(const SegmentSource& source, const SegmentPath& path,
                               const RecoveryTarget& target) {
    AGRI_ASSIGN(const uint64_t first,
                FirstAtOrBeyond(source, path, [&](const repo::format::WalIndex& index) {
                    return JudgeXid(index, target.xid);
                }));
    uint32_t oldest = 0, newest = 0;
    for (uint64_t i = first - std::min(first, kSegmentsBefore); i < path.size(); ++i) {
        AGRI_ASSIGN(const auto index, source.Index(path.At(i)));
        if (!index || index->max_xid() == 0) continue;
        if (oldest == 0 || Precedes(index->min_xid(), oldest)) oldest = index->min_xid();
        if (newest == 0 || Precedes(newest, index->max_xid())) newest = index->max_xid();
        if (Precedes(target.xid, index->min_xid()) || Precedes(index->max_xid(), target.xid))
            continue;
        AGRI_ASSIGN(auto found, FindInSegment(source, path, i, target.xid));
        if (!found) continue;
        const Lsn stop = target.exclusive ? found->start : found->end;
        return TargetPosition{stop,
                              (found->end.value - 1) / source.segment_size(),
                              found->time.time_since_epoch().count(),
                              target,
                              {}};
    }
    return NoSuchXid(target.xid, oldest, newest);
}

Result<TargetPosition> FindName(const SegmentSource& source, const SegmentPath& path,
                                const RecoveryTarget& target, uint32_t threads) {
    AGRI_ASSIGN(const std::vector<NamedPoint> points, AllPoints(source, path, threads));
    TargetPosition position;
    position.effective = target;
    for (const NamedPoint& point : points) {
        if (point.name != target.name) continue;
        if (position.stop.IsValid()) position.same_name.push_back(position.stop);
        position.stop = point.lsn;
        position.last_commit_us = point.time_us;
    }
    if (!position.stop.IsValid()) return NoSuchName(target.name, points);
    position.last_segment = (position.stop.value - 1) / source.segment_size();
    return position;
}

}  // namespace agri::engine

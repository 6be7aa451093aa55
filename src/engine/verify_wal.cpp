#include "engine/verify_wal.hpp"

#include <algorithm>
#include <atomic>

#include "engine/parallel.hpp"
#include "engine/unfinished_wal.hpp"

namespace agri::engine {

using base::Lsn;
using base::Result;
using base::Status;
using base::TimelineId;
using repo::format::ManifestHeader;

namespace {

class WalVerifier {
   public:
    WalVerifier(const repo::Incarnation& incarnation, const ArchiveMap& map,
                const VerifyRequest& request, VerifyReport& report, const Context& context)
        : incarnation_(incarnation),
          map_(map),
          request_(request),
          report_(report),
          context_(context),
          archive_(incarnation) {}

    Result<WalVerification> Run() {
        AGRI_TRY(CheckHistories());
        for (const auto& [object, problem] : map_.wal_problems())
            AGRI_TRY(report_.AddError("", object, base::Error(base::ErrorCode::kCorrupt, problem)));
        for (TimelineId timeline : map_.timelines()) CheckTimeline(timeline);
        AGRI_TRY(ParallelFor(segments_.size(), context_.settings.EffectiveParallel(),
                             [this](uint64_t i) { return CheckSegment(segments_[i]); }));
        return WalVerification{segments_.size(), bytes_};
    }

   private:
    static base::WalFileName HistoryName(TimelineId timeline) {
        return {base::WalFileKind::kHistory, timeline.ToString() + ".history", timeline, ""};
    }

    Status CheckHistories() {
        for (const auto& [timeline, error] : map_.damaged_histories())
            AGRI_TRY(report_.AddError("", incarnation_.keys().Wal(HistoryName(timeline)), error));
        for (TimelineId timeline : map_.timelines()) {
            if (timeline.value == 1 || map_.HasHistoryFile(timeline)) continue;
            if (!map_.History(timeline).ancestors().empty()) continue;
            report_.Add({"", incarnation_.keys().Wal(HistoryName(timeline)),
                         std::string(kSeverityWarning),
                         fmt::format("the history file of timeline {} is not in the archive",
                                     timeline.value),
                         "Earlier backups cannot be recovered onto that timeline. Archive the file "
                         "from pg_wal with \"agri_backup wal-push\"."});
        }
        return {};
    }

    // A backup is restorable on every timeline that it leads to; on their common part they need the
    // same segments.
    void CheckTimeline(TimelineId timeline) {
        const TimelinePath path = map_.PathOf(timeline);
        const std::vector<const ManifestHeader*> backups = map_.BackupsOn(path.history);
        for (const ManifestHeader* backup : backups)
            if (request_.backup_id.empty() || request_.backup_id == backup->backup_id())
                CheckRange(*backup, path, EndOfRange(*backup, backups, path.segments));
        std::sort(segments_.begin(), segments_.end());
        segments_.erase(std::unique(segments_.begin(), segments_.end()), segments_.end());
    }

    // What a restore of this backup reads: up to the next backup on its way, whose own range goes
    // on from there.
    void CheckRange(const ManifestHeader& backup, const TimelinePath& path, uint64_t range_end) {
        const uint64_t size = map_.segment_size();
        const uint64_t first = backup.start_lsn() / size;
        const uint64_t own_end = (backup.stop_lsn() + size - 1) / size;
        const uint64_t end = std::max(own_end, range_end);
        const bool is_latest = map_.LatestFrom(backup) == path.history.timeline();
        for (uint64_t number = first; number < end;) {
            const uint64_t missing = path.segments.EndOfCoverage(number);
            AddSegments(path.segments, number, std::min(missing, end));
            // A timeline that was left ends with its first hole: nobody will fill that any more.
            if (missing >= end || !is_latest) break;
            number = std::min(path.segments.NextPresent(missing).value_or(end), end);
            ReportHole(backup, path, missing, number, own_end);
        }
    }

    uint64_t EndOfRange(const ManifestHeader& backup,
                        const std::vector<const ManifestHeader*>& ascending,
                        const SegmentPath& path) const {
        const uint64_t size = map_.segment_size();
        for (const ManifestHeader* next : ascending)
            if (next->stop_lsn() > backup.stop_lsn()) return (next->stop_lsn() + size - 1) / size;
        return path.size() == 0 ? 0 : path.last_number() + 1;
    }

    void AddSegments(const SegmentPath& path, uint64_t first, uint64_t end) {
        for (uint64_t i = path.LowerBound(first); i < path.size(); ++i) {
            const base::SegmentId segment = path.At(i);
            if (segment.number >= end) break;
            segments_.push_back(segment);
        }
    }

    void ReportHole(const ManifestHeader& backup, const TimelinePath& path, uint64_t missing,
                    uint64_t end, uint64_t own_end) {
        WalHole hole;
        hole.first = path.history.SegmentAt(missing, map_.segment_size());
        hole.end_number = end;
        if (auto known = map_.HoleFrom(path, missing)) {
            hole.declared = known->declared;
            hole.later_segments = known->later_segments;
        }
        const bool is_own = missing < own_end;
        const bool may_close = !is_own && hole.later_segments <= kLookAheadSegments;
        Finding finding;
        finding.backup_id = backup.backup_id();
        finding.object = ObjectOf(hole.first);
        finding.severity = hole.declared || may_close ? kSeverityWarning : kSeverityError;
        finding.problem = hole.Describe(map_.segment_size());
        if (is_own) finding.severity = kSeverityError;
        finding.hint = is_own ? "This backup cannot be restored. Take a new one."
                       : may_close
                           ? "It may be being archived right now: check again. Until then no "
                             "moment behind it can be reached from this backup."
                           : "No moment behind it can be reached from this backup. Archive the "
                             "WAL with \"agri_backup wal-push\" if it still exists.";
        report_.Add(finding);
    }

    base::WalFileName NameOf(base::SegmentId segment) const {
        const std::string name = segment.FileName(map_.segment_size());
        return {base::WalFileKind::kSegment, name, segment.timeline, name};
    }
    std::string ObjectOf(base::SegmentId segment) const {
        return incarnation_.keys().Wal(NameOf(segment));
    }

    Status CheckSegment(base::SegmentId segment) {
        AGRI_TRY(context_.cancel.Check());
        const base::WalFileName name = NameOf(segment);
        auto index = ReadSegment(name);
        // Removed since it was listed: retention is at work beside us.
        if (!index && index.error().code == base::ErrorCode::kNotFound &&
            map_.unfinished().contains(segment)) {
            AGRI_ASSIGN(const auto unfinished, UnfinishedWal(incarnation_).Read(segment));
            if (unfinished) return {};
        }
        if (!index && index.error().code == base::ErrorCode::kNotFound) {
            report_.Add({"", ObjectOf(segment), std::string(kSeverityError),
                         fmt::format("WAL segment {} is missing", name.name), ""});
            return {};
        }
        if (!index) return report_.AddError("", ObjectOf(segment), std::move(index).error());
        const uint64_t expected = incarnation_.info().system_identifier();
        if (index->system_identifier() != expected)
            report_.Add({"", ObjectOf(segment), std::string(kSeverityError),
                         fmt::format("WAL segment {} belongs to system {}, not {}", name.name,
                                     index->system_identifier(), expected),
                         "It was archived from another cluster: recovery would stop there."});
        if (!index->scan_problem().empty())
            report_.Add(
                {"", ObjectOf(segment), std::string(kSeverityError),
                 fmt::format("the records of WAL segment {} cannot be read to its end: {}",
                             name.name, index->scan_problem()),
                 "It is stored as the server wrote it; recovery would stop there. Take a new "
                 "backup."});
        return {};
    }

    Result<repo::format::WalIndex> ReadSegment(const base::WalFileName& name) {
        if (request_.level == VerifyLevel::kObjects) return archive_.ReadIndex(name);
        auto index = archive_.Read(name, [](base::ByteView) { return Status{}; });
        if (index) {
            bytes_ += index->plain_length();
            context_.progress.bytes_done += index->plain_length();
        }
        return index;
    }

    const repo::Incarnation& incarnation_;
    const ArchiveMap& map_;
    const VerifyRequest& request_;
    VerifyReport& report_;
    const Context& context_;
    const repo::WalArchive archive_;
    std::vector<base::SegmentId> segments_;
    std::atomic<uint64_t> bytes_{0};
};

}  // namespace

Result<WalVerification> VerifyWal(const repo::Incarnation& incarnation, const ArchiveMap& map,
                                  const VerifyRequest& request, VerifyReport& report,
                                  const Context& context) {
    return WalVerifier(incarnation, map, request, report, context).Run();
}

}  // namespace agri::engine

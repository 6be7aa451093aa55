#include "engine/archive_map.hpp"

#include <algorithm>

#include "engine/unfinished_wal.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::Result;
using base::Status;
using base::TimelineId;

std::string WalHole::Describe(uint64_t segment_size) const {
    const base::SegmentId last{first.timeline, end_number - 1};
    std::string what =
        first.number == last.number
            ? fmt::format("segment {} is missing from the archive", first.FileName(segment_size))
            : fmt::format("segments {} to {} are missing from the archive",
                          first.FileName(segment_size), last.FileName(segment_size));
    if (declared)
        what +=
            fmt::format(" (declared lost by {}: {})", declared->declared_by(), declared->reason());
    return what;
}

Result<ArchiveMap> ArchiveMap::Load(const repo::Incarnation& incarnation) {
    ArchiveMap map;
    map.segment_size_ = incarnation.info().wal_segment_size();
    if (map.segment_size_ == 0 || (map.segment_size_ & (map.segment_size_ - 1)) != 0)
        return MakeError(ErrorCode::kCorrupt, "cluster \"{}\" has no valid WAL segment size",
                         incarnation.cluster());
    AGRI_TRY(map.LoadTimelines(incarnation));
    AGRI_TRY(map.LoadBackups(incarnation));
    return map;
}

Status ArchiveMap::LoadTimelines(const repo::Incarnation& incarnation) {
    const repo::WalArchive archive(incarnation);
    AGRI_ASSIGN(std::vector<std::string> files, archive.HistoryFiles());
    for (const std::string& file : files) {
        auto name = base::WalFileName::Parse(file);
        if (!name) continue;
        AddHistory(name->timeline, archive.ReadHistory(name->timeline));
        archived_.insert(name->timeline);
    }
    AGRI_ASSIGN(std::vector<TimelineId> timelines, archive.Timelines());
    std::vector<base::SegmentId> partials;
    for (TimelineId timeline : timelines) {
        timelines_.insert(timeline);
        AGRI_ASSIGN(repo::WalSurvey survey, archive.Survey(timeline));
        ranges_[timeline] = std::move(survey.ranges);
        partials.insert(partials.end(), survey.partial_segments.begin(),
                        survey.partial_segments.end());
        // They only explain holes: an unreadable one must not keep anybody from restoring.
        auto gaps = archive.Gaps(timeline);
        if (gaps)
            gaps_[timeline] = std::move(*gaps);
        else
            AddWalProblem(incarnation.keys().GapFolder(timeline),
                          fmt::format("declared gaps of timeline {} cannot be read: {}",
                                      timeline.value, gaps.error().ToString()));
    }
    return LoadUnfinished(incarnation, partials);
}

Status ArchiveMap::LoadUnfinished(const repo::Incarnation& incarnation,
                                  const std::vector<base::SegmentId>& partials) {
    const UnfinishedWal wal(incarnation);
    AGRI_ASSIGN(const std::vector<base::SegmentId> segments, wal.Candidates(partials));
    for (base::SegmentId segment : segments) {
        const base::Lsn start = segment.Start(segment_size_);
        const auto& ranges = ranges_[segment.timeline];
        if (std::any_of(ranges.begin(), ranges.end(), [&](const repo::TimelineRange& range) {
                return range.from <= start && start < range.to;
            }))
            continue;
        auto found = wal.Read(segment);
        if (!found && !repo::ConcernsOneObject(found.error().code)) return std::move(found).error();
        if (!found) {
            AddWalProblem(wal.KeyOf(segment, partials),
                          fmt::format("unfinished WAL segment {} cannot be read: {}",
                                      segment.FileName(segment_size_), found.error().ToString()));
            unreadable_.emplace(segment, std::move(found).error());
        } else if (*found) {
            AddSegment(segment);
        }
    }
    std::erase_if(ranges_, [](const auto& timeline) { return timeline.second.empty(); });
    return {};
}

void ArchiveMap::AddWalProblem(const std::string& object, std::string problem) {
    problems_.push_back(problem);
    wal_problems_.insert_or_assign(object, std::move(problem));
}

void ArchiveMap::AddSegment(base::SegmentId segment) {
    timelines_.insert(segment.timeline);
    unfinished_.insert(segment);
    const base::Lsn start = segment.Start(segment_size_), end = segment.End(segment_size_);
    std::vector<repo::TimelineRange>& ranges = ranges_[segment.timeline];
    auto next = std::find_if(ranges.begin(), ranges.end(),
                             [&](const repo::TimelineRange& range) { return start < range.from; });
    ranges.insert(next, {.timeline = segment.timeline, .from = start, .to = end, .segments = 1});
}

void ArchiveMap::AddHistory(TimelineId timeline, const Result<std::string>& text) {
    timelines_.insert(timeline);
    if (!text) {
        damaged_.insert_or_assign(timeline, text.error());
        return;
    }
    auto history = wal::TimelineHistory::Parse(timeline, *text);
    if (!history)
        damaged_.insert_or_assign(timeline, std::move(history).error().In(fmt::format(
                                                "history file {}.history", timeline.ToString())));
    else
        histories_.insert_or_assign(timeline, std::move(*history));
}

Status ArchiveMap::LoadBackups(const repo::Incarnation& incarnation) {
    AGRI_ASSIGN(std::vector<repo::CatalogEntry> entries, repo::ListBackups(incarnation));
    for (repo::CatalogEntry& entry : entries) {
        if (!entry.problem.empty()) {
            problems_.push_back(fmt::format("backup {} cannot be used: {}",
                                            entry.header.backup_id(), entry.problem));
            continue;
        }
        const TimelineId timeline{entry.header.stop_timeline()};
        timelines_.insert(timeline);
        // A backup brings its own timeline's history: archiving may have begun later than that.
        if (!histories_.contains(timeline) && !entry.header.timeline_history().empty())
            AddHistory(timeline, entry.header.timeline_history());
        backups_.push_back(std::move(entry.header));
    }
    AddMissingHistories();
    return {};
}

void ArchiveMap::AddMissingHistories() {
    for (TimelineId timeline : timelines_) {
        const bool is_missing = histories_.try_emplace(timeline, timeline).second;
        if (is_missing && timeline.value > 1 && ranges_.contains(timeline) &&
            !damaged_.contains(timeline))
            lost_.insert(timeline);
    }
}

const wal::TimelineHistory& ArchiveMap::History(TimelineId timeline) const {
    static const wal::TimelineHistory kFirst(TimelineId{1});
    auto found = histories_.find(timeline);
    return found == histories_.end() ? kFirst : found->second;
}

TimelinePath ArchiveMap::PathOf(TimelineId timeline) const {
    const wal::TimelineHistory& history = History(timeline);
    return {history, BuildSegmentPath(history, ranges_, 0, segment_size_)};
}

std::vector<const repo::format::ManifestHeader*> ArchiveMap::BackupsOn(
    const wal::TimelineHistory& history) const {
    std::vector<const repo::format::ManifestHeader*> found;
    for (const auto& backup : backups_)
        if (history.Includes(TimelineId{backup.stop_timeline()}, Lsn{backup.stop_lsn()}))
            found.push_back(&backup);
    std::stable_sort(found.begin(), found.end(),
                     [](const auto* a, const auto* b) { return a->stop_lsn() < b->stop_lsn(); });
    return found;
}

TimelineId ArchiveMap::LatestFrom(const repo::format::ManifestHeader& backup) const {
    const TimelineId own{backup.stop_timeline()};
    for (auto it = timelines_.rbegin(); it != timelines_.rend() && own < *it; ++it)
        if (History(*it).Includes(own, Lsn{backup.stop_lsn()})) return *it;
    return own;
}

std::optional<WalHole> ArchiveMap::HoleFrom(const TimelinePath& path, uint64_t number) const {
    const uint64_t missing = path.segments.EndOfCoverage(number);
    auto next = path.segments.NextPresent(missing);
    if (!next) return std::nullopt;
    WalHole hole;
    hole.first = path.history.SegmentAt(missing, segment_size_);
    hole.end_number = *next;
    hole.later_segments = path.segments.size() - path.segments.LowerBound(*next);
    auto gaps = gaps_.find(hole.first.timeline);
    if (gaps == gaps_.end()) return hole;
    const uint64_t from = missing * segment_size_;
    for (const auto& gap : gaps->second)
        if (gap.from_lsn() < *next * segment_size_ && gap.to_lsn() > from) hole.declared = gap;
    return hole;
}

}  // namespace agri::engine

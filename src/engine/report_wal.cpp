// Ranges, holes and declared gaps, from names alone; commit times from the indexes at both ends.
#include "engine/report_wal.hpp"

#include <algorithm>

#include "engine/unfinished_wal.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::Result;
using base::Status;
using base::TimelineId;
using nlohmann::json;

namespace {

// Segments without a commit at the end of a range (an idle server with archive_timeout) that are
// looked into before the time counts as unknown.
constexpr uint64_t kMostIndexesRead = 32;

struct Stretch {  // of segment numbers
    uint64_t first = 0, end = 0;
};

// Which segments of `timeline` some backup needs; nullopt: none.
std::optional<Stretch> NeededOn(const TimelineReport& timeline,
                                const std::vector<TimelineReport>& all,
                                const std::vector<repo::CatalogEntry>& backups, uint64_t size) {
    const TimelineId id = timeline.history.timeline();
    std::optional<Stretch> needed;
    auto need = [&](uint64_t first, uint64_t end) {
        if (!needed) needed = Stretch{first, end};
        needed->first = std::min(needed->first, first);
        needed->end = std::max(needed->end, end);
    };
    for (const repo::CatalogEntry& backup : backups) {
        const auto& header = backup.header;
        if (!backup.problem.empty() || header.stop_lsn() == 0) continue;
        const uint64_t start = header.start_lsn() / size;
        const uint64_t after_stop = (header.stop_lsn() - 1) / size + 1;
        if (header.timeline() == id.value) {
            need(start, after_stop);
        } else if (timeline.history.Includes(TimelineId{header.stop_timeline()},
                                             Lsn{header.stop_lsn()})) {
            const auto begin = timeline.history.BeginOf(id);
            // A restore reads the segment of the switch from the new timeline.
            if (begin) need(begin->value / size, begin->value / size);
        }
    }
    if (!needed) return needed;
    if (!timeline.ranges.empty()) need(needed->first, timeline.ranges.back().to.value / size);
    for (const TimelineReport& child : all) {
        const auto branch = child.history.BranchPointOf(id);
        if (branch && !child.ranges.empty()) need(needed->first, branch->value / size);
    }
    return needed;
}

// Adds what of [first, end) no range and no declared gap covers.
void AddHoles(const TimelineReport& timeline, Stretch needed, uint64_t size,
              std::vector<MissingWal>& missing) {
    std::vector<Stretch> covered;
    for (const auto& range : timeline.ranges)
        covered.push_back({range.from.value / size, range.to.value / size});
    for (const auto& gap : timeline.gaps)
        covered.push_back({gap.from_lsn() / size, (gap.to_lsn() + size - 1) / size});
    std::sort(covered.begin(), covered.end(),
              [](const Stretch& a, const Stretch& b) { return a.first < b.first; });
    covered.push_back({needed.end, needed.end});
    uint64_t at = needed.first;
    for (const Stretch& part : covered) {
        const uint64_t until = std::min(part.first, needed.end);
        if (until > at) missing.push_back({timeline.history.timeline(), at, until});
        at = std::max(at, part.end);
    }
}

// What a report reads from; an object that cannot be read is a problem of its own, and the report
// goes on without it.
struct Sources {
    const repo::Incarnation& incarnation;
    const repo::WalArchive archive;
    const uint64_t size;
    ObjectProblems& problems;

    Status Note(const std::string& object, const base::Error& error) const {
        if (!repo::ConcernsOneObject(error.code)) return error;
        problems.emplace(object, error.message);
        return {};
    }
    std::string KeyOf(std::string_view file) const {
        return incarnation.keys().Wal(*base::WalFileName::Parse(file));
    }
};

enum class End { kFirst, kLast };

// Time of the range's first or last commit, null when not found nearby.
Result<json> CommitTime(Sources& sources, const repo::TimelineRange& range, End end) {
    const uint64_t first = range.from.value / sources.size, count = range.segments;
    for (uint64_t i = 0; i < std::min(count, kMostIndexesRead); ++i) {
        const uint64_t number = end == End::kFirst ? first + i : first + count - 1 - i;
        const std::string name = base::SegmentId{range.timeline, number}.FileName(sources.size);
        auto index = sources.archive.ReadIndex(*base::WalFileName::Parse(name));
        if (!index) {
            AGRI_TRY(sources.Note(sources.KeyOf(name), index.error()));
            continue;
        }
        const int64_t time =
            end == End::kFirst ? index->first_commit_us() : index->last_commit_us();
        if (time != 0) return TimeOrNull(time);
    }
    return json(nullptr);
}

json Row(TimelineId timeline, std::string_view status, uint64_t from, uint64_t to, uint64_t size) {
    return {{"timeline", timeline.value},
            {"status", status},
            {"from_lsn", Lsn{from}.ToString()},
            {"to_lsn", Lsn{to}.ToString()},
            {"segments", (to + size - 1) / size - from / size},
            {"stored_bytes", nullptr},
            {"first_commit_time", nullptr},
            {"last_commit_time", nullptr}};
}

Result<json> ArchivedRow(Sources& sources, const repo::TimelineRange& range) {
    json row = Row(range.timeline, "archived", range.from.value, range.to.value, sources.size);
    row["stored_bytes"] = range.stored_bytes;
    AGRI_ASSIGN(row["first_commit_time"], CommitTime(sources, range, End::kFirst));
    AGRI_ASSIGN(row["last_commit_time"], CommitTime(sources, range, End::kLast));
    return row;
}

struct PlacedRow {
    TimelineId timeline;
    uint64_t from = 0;
    json row;
};

bool IsCovered(const TimelineReport& timeline, Lsn lsn) {
    return std::any_of(
        timeline.ranges.begin(), timeline.ranges.end(),
        [&](const repo::TimelineRange& range) { return range.from <= lsn && lsn < range.to; });
}

// What stopped servers left of segments that they had not filled, and no archived range covers.
Status PlaceUnfinished(Sources& sources, const std::vector<TimelineReport>& timelines,
                       std::vector<PlacedRow>& placed) {
    const uint64_t size = sources.size;
    std::vector<base::SegmentId> partials;
    for (const TimelineReport& timeline : timelines)
        partials.insert(partials.end(), timeline.partials.begin(), timeline.partials.end());
    const UnfinishedWal wal(sources.incarnation);
    AGRI_ASSIGN(const auto segments, wal.Candidates(partials));
    for (base::SegmentId segment : segments) {
        const Lsn start = segment.Start(size);
        if (std::any_of(timelines.begin(), timelines.end(), [&](const TimelineReport& timeline) {
                return timeline.history.timeline() == segment.timeline &&
                       IsCovered(timeline, start);
            }))
            continue;
        auto found = wal.Read(segment);
        if (!found) AGRI_TRY(sources.Note(wal.KeyOf(segment, partials), found.error()));
        if (!found || !*found) continue;
        placed.push_back(
            {segment.timeline, start.value,
             Row(segment.timeline, "unfinished", start.value, (*found)->end.value, size)});
    }
    return {};
}

}  // namespace

json TimeOrNull(int64_t microseconds) {
    if (microseconds == 0) return nullptr;
    return base::FormatTime(base::WallTime(std::chrono::microseconds(microseconds)));
}

Result<std::vector<TimelineReport>> LoadTimelines(const repo::Incarnation& incarnation,
                                                  ObjectProblems& problems) {
    const Sources sources{incarnation, repo::WalArchive(incarnation),
                          incarnation.info().wal_segment_size(), problems};
    const repo::WalArchive& archive = sources.archive;
    AGRI_ASSIGN(const std::vector<TimelineId> ids, archive.Timelines());
    std::vector<TimelineReport> timelines;
    for (TimelineId id : ids) {
        TimelineReport timeline{wal::TimelineHistory(id), {}, {}, {}};
        AGRI_ASSIGN(repo::WalSurvey survey, archive.Survey(id));
        timeline.ranges = std::move(survey.ranges);
        timeline.partials = std::move(survey.partial_segments);
        auto gaps = archive.Gaps(id);
        if (gaps)
            timeline.gaps = std::move(*gaps);
        else
            AGRI_TRY(sources.Note(incarnation.keys().GapFolder(id), gaps.error()));
        // A lost or damaged history file is told elsewhere: here the timeline stands alone.
        if (auto text = archive.ReadHistory(id))
            if (auto history = wal::TimelineHistory::Parse(id, *text))
                timeline.history = std::move(*history);
        timelines.push_back(std::move(timeline));
    }
    return timelines;
}

std::vector<MissingWal> FindMissingWal(const std::vector<TimelineReport>& timelines,
                                       const std::vector<repo::CatalogEntry>& backups,
                                       uint64_t segment_size) {
    std::vector<MissingWal> missing;
    for (const TimelineReport& timeline : timelines)
        if (auto needed = NeededOn(timeline, timelines, backups, segment_size))
            AddHoles(timeline, *needed, segment_size, missing);
    return missing;
}

Result<json> DescribeWal(const repo::Incarnation& incarnation,
                         const std::vector<repo::CatalogEntry>& backups, ObjectProblems& problems) {
    const uint64_t size = incarnation.info().wal_segment_size();
    Sources sources{incarnation, repo::WalArchive(incarnation), size, problems};
    AGRI_ASSIGN(const std::vector<TimelineReport> timelines, LoadTimelines(incarnation, problems));
    std::vector<PlacedRow> placed;
    for (const TimelineReport& timeline : timelines) {
        for (const auto& range : timeline.ranges) {
            AGRI_ASSIGN(json row, ArchivedRow(sources, range));
            placed.push_back({range.timeline, range.from.value, std::move(row)});
        }
        for (const auto& gap : timeline.gaps)
            placed.push_back({TimelineId{gap.timeline()}, gap.from_lsn(),
                              Row(TimelineId{gap.timeline()}, "declared gap", gap.from_lsn(),
                                  gap.to_lsn(), size)});
    }
    for (const MissingWal& hole : FindMissingWal(timelines, backups, size))
        placed.push_back({hole.timeline, hole.first * size,
                          Row(hole.timeline, "missing", hole.first * size, hole.end * size, size)});
    AGRI_TRY(PlaceUnfinished(sources, timelines, placed));
    std::stable_sort(placed.begin(), placed.end(), [](const PlacedRow& a, const PlacedRow& b) {
        return std::tie(a.timeline, a.from) < std::tie(b.timeline, b.from);
    });
    json rows = json::array();
    for (PlacedRow& row : placed) rows.push_back(std::move(row.row));
    return rows;
}

}  // namespace agri::engine

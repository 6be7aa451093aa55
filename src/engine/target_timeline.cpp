#include "engine/target_timeline.hpp"

#include <algorithm>
#include <charconv>

#include "repo/catalog.hpp"
#include "repo/claim.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::Result;
using base::Status;
using base::TimelineId;
using repo::format::ManifestHeader;
using repo::format::WriterClaim;

namespace {

constexpr std::string_view kUnknownLatest = "could not tell which timeline is the latest";

Result<TimelineChoice> NumberedTimeline(const ArchiveMap& map, const std::string& text) {
    uint32_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number == 0)
        return MakeError(ErrorCode::kInvalidArgument, "invalid timeline \"{}\"", text)
            .WithHint("Use latest, current or a timeline number.");
    const TimelineId timeline{number};
    if (auto damaged = map.damaged_histories().find(timeline);
        damaged != map.damaged_histories().end())
        return base::Error(damaged->second);
    if (map.timelines().contains(timeline)) return TimelineChoice{{timeline}, {}};
    std::string known;
    for (TimelineId other : map.timelines())
        known += fmt::format("{}{}", known.empty() ? "" : ", ", other.value);
    return MakeError(ErrorCode::kUnreachableTarget, "timeline {} is not in the archive", number)
        .WithDetail(fmt::format("Known timelines are {}.", known));
}

TimelineChoice CurrentTimelines(const ArchiveMap& map, const ManifestHeader* backup) {
    if (backup != nullptr) return {{TimelineId{backup->stop_timeline()}}, {}};
    std::set<TimelineId> own;
    for (const auto& candidate : map.backups()) own.insert(TimelineId{candidate.stop_timeline()});
    return {{own.rbegin(), own.rend()}, {}};
}

// Those that the backup, or any, leads to, newest first.
std::vector<TimelineId> ReachableTimelines(const ArchiveMap& map, const ManifestHeader* backup) {
    const auto leads_to = [&](const ManifestHeader& from, TimelineId timeline) {
        const TimelineId own{from.stop_timeline()};
        return own == timeline || map.History(timeline).Includes(own, Lsn{from.stop_lsn()});
    };
    std::vector<TimelineId> found;
    for (auto it = map.timelines().rbegin(); it != map.timelines().rend(); ++it)
        if (backup != nullptr ? leads_to(*backup, *it)
                              : std::any_of(map.backups().begin(), map.backups().end(),
                                            [&](const auto& any) { return leads_to(any, *it); }))
            found.push_back(*it);
    return found;
}

// A timeline whose history cannot be read, or is lost, may be the latest one: to take another would
// lose it.
Status CheckNoneIsUnknown(const ArchiveMap& map, TimelineId latest) {
    if (!map.damaged_histories().empty()) {
        base::Error error = map.damaged_histories().rbegin()->second;
        return std::move(error)
            .In(kUnknownLatest)
            .WithHint("Name the timeline with --target-timeline to go on without that file.");
    }
    if (map.lost_histories().empty()) return {};
    const TimelineId unknown = *map.lost_histories().rbegin();
    if (unknown <= latest) return {};
    return MakeError(ErrorCode::kCorrupt, "{}: {}.history is not in the archive", kUnknownLatest,
                     unknown.ToString())
        .WithDetail(fmt::format("The archive has WAL of timeline {}, and nothing says where it "
                                "branches off.",
                                unknown.value))
        .WithHint(fmt::format("Archive that file from pg_wal with \"agri_backup wal-push\", or "
                              "leave timeline {} aside knowingly: --target-timeline {}.",
                              unknown.value, latest.value));
}

// Where the server that may write was when that was last seen to, and where those before it were.
struct Writers {
    TimelineId now;
    std::vector<WriterClaim> claims;
};

// A claim names a timeline before the first WAL of it is archived, so the archive may not know it.
Result<std::optional<Writers>> FindWriters(const ArchiveMap& map,
                                           const repo::Incarnation& incarnation) {
    AGRI_ASSIGN(auto claims, repo::Lineage(incarnation));
    for (auto claim = claims.rbegin(); claim != claims.rend(); ++claim) {
        const TimelineId timeline{claim->timeline()};
        if (map.timelines().contains(timeline))
            return std::optional(Writers{timeline, std::move(claims)});
    }
    return std::optional<Writers>();
}

// An older timeline is the writer's again only by an operator's word; what was written beyond it by
// those before is no part of its history.
bool WasLeft(const ArchiveMap& map, TimelineId timeline, const Writers& writers) {
    if (timeline == writers.now) return false;
    const wal::TimelineHistory& history = map.History(timeline);
    if (!history.Contains(writers.now)) return true;
    return std::any_of(writers.claims.begin(), writers.claims.end(), [&](const auto& claim) {
        const TimelineId before{claim.timeline()};
        return writers.now < before && history.Contains(before);
    });
}

// The newest reachable timeline that was not left; of a lineage that none of them belongs to,
// simply the newest.
Result<TimelineId> FollowWriter(const ArchiveMap& map, const repo::Incarnation& incarnation,
                                const std::vector<TimelineId>& reachable) {
    AGRI_ASSIGN(const auto in_force, repo::CurrentClaim(incarnation));
    const TimelineId newest = reachable.front();
    if (!in_force) return newest;
    const TimelineId claimed{in_force->timeline()};
    if (newest <= claimed && map.timelines().contains(claimed)) return newest;
    AGRI_ASSIGN(const auto writers, FindWriters(map, incarnation));
    if (!writers) return newest;
    const auto followed = std::find_if(reachable.begin(), reachable.end(), [&](TimelineId one) {
        return !WasLeft(map, one, *writers);
    });
    return followed == reachable.end() ? newest : *followed;
}

Result<TimelineChoice> LatestTimeline(const ArchiveMap& map, const repo::Incarnation& incarnation,
                                      const ManifestHeader* backup) {
    const std::vector<TimelineId> reachable = ReachableTimelines(map, backup);
    auto latest = FollowWriter(map, incarnation, reachable);
    if (!latest && repo::ConcernsOneObject(latest.error().code))
        return std::move(latest)
            .error()
            .In(kUnknownLatest)
            .WithHint("Name the timeline with --target-timeline to go on without that object.");
    if (!latest) return std::move(latest).error();
    AGRI_TRY(CheckNoneIsUnknown(map, *latest));
    TimelineChoice choice{{*latest}, {}};
    if (*latest != reachable.front()) choice.left = reachable.front();
    return choice;
}

}  // namespace

Result<TimelineChoice> ChooseTimelines(const ArchiveMap& map, const repo::Incarnation& incarnation,
                                       const RecoveryTarget& target, const ManifestHeader* backup) {
    if (target.timeline == "latest") return LatestTimeline(map, incarnation, backup);
    if (target.timeline == "current") return CurrentTimelines(map, backup);
    return NumberedTimeline(map, target.timeline);
}

}  // namespace agri::engine

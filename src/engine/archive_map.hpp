// What a recovery plan is made from, loaded once: the sound backups, the timelines and how they
// descend, and the archived segments by name. No segment is opened here.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/object_problems.hpp"
#include "engine/segment_path.hpp"
#include "repo/catalog.hpp"

namespace agri::engine {

// Segments are archived in parallel, so a server that is archiving or has died may leave a hole
// this close to the end of the archive. Behind a larger stretch a hole means that history was lost.
inline constexpr uint64_t kLookAheadSegments = 64;

// A stretch of a path for which the archive has no WAL, with WAL behind it.
struct WalHole {
    base::SegmentId first;    // of the missing ones
    uint64_t end_number = 0;  // the next segment that is there
    uint64_t later_segments = 0;
    std::optional<repo::format::DeclaredGap> declared;  // an operator's word that it is lost

    // "segments 00000001…05 to 00000001…07 are missing from the archive".
    std::string Describe(uint64_t segment_size) const;
};

// A timeline's path with its segments.
struct TimelinePath {
    wal::TimelineHistory history;
    SegmentPath segments;
};

// Immutable after Load; thread-safe.
class ArchiveMap {
   public:
    // Unreadable manifests, declared gaps and unfinished segments are left out and told in
    // problems(), unreadable history files in damaged_histories(); a listing that fails is an
    // error.
    static base::Result<ArchiveMap> Load(const repo::Incarnation& incarnation);

    uint64_t segment_size() const { return segment_size_; }
    const std::vector<repo::format::ManifestHeader>& backups() const { return backups_; }
    const std::vector<std::string>& problems() const { return problems_; }
    // Those of problems() that concern WAL.
    const ObjectProblems& wal_problems() const { return wal_problems_; }
    const std::map<base::TimelineId, base::Error>& damaged_histories() const { return damaged_; }
    // Timelines with WAL of which neither the archive nor a backup has the history: whence they
    // descend is unknown.
    const std::set<base::TimelineId>& lost_histories() const { return lost_; }
    // Every timeline with WAL, a history file or a backup.
    const std::set<base::TimelineId>& timelines() const { return timelines_; }
    const TimelineRanges& ranges() const { return ranges_; }
    // Segments in ranges() that are not archived whole: their server stopped in them.
    const std::set<base::SegmentId>& unfinished() const { return unfinished_; }

    // Segments that their server stopped in and of which something is there, but cannot be read.
    const std::map<base::SegmentId, base::Error>& unreadable() const { return unreadable_; }

    // The history of a timeline; without a history file it has no ancestors.
    const wal::TimelineHistory& History(base::TimelineId timeline) const;
    // Whether the archive can serve NNNNNNNN.history, which a server asks for.
    bool HasHistoryFile(base::TimelineId timeline) const { return archived_.contains(timeline); }
    // The whole path of a timeline, from the first archived segment on.
    TimelinePath PathOf(base::TimelineId timeline) const;
    // Sound backups that can be recovered along that history, by ascending stop LSN.
    std::vector<const repo::format::ManifestHeader*> BackupsOn(
        const wal::TimelineHistory& history) const;
    // The newest timeline that this backup leads to.
    base::TimelineId LatestFrom(const repo::format::ManifestHeader& backup) const;
    // The first hole of the path at or after segment `number`; nullopt when WAL is gapless to its
    // end.
    std::optional<WalHole> HoleFrom(const TimelinePath& path, uint64_t number) const;

   private:
    base::Status LoadBackups(const repo::Incarnation& incarnation);
    base::Status LoadTimelines(const repo::Incarnation& incarnation);
    base::Status LoadUnfinished(const repo::Incarnation& incarnation,
                                const std::vector<base::SegmentId>& partials);
    void AddSegment(base::SegmentId segment);
    void AddHistory(base::TimelineId timeline, const base::Result<std::string>& text);
    void AddMissingHistories();
    void AddWalProblem(const std::string& object, std::string problem);

    uint64_t segment_size_ = 0;
    std::vector<repo::format::ManifestHeader> backups_;
    std::vector<std::string> problems_;
    ObjectProblems wal_problems_;
    std::set<base::TimelineId> timelines_;
    std::set<base::TimelineId> archived_;
    std::map<base::TimelineId, base::Error> damaged_;
    std::map<base::TimelineId, wal::TimelineHistory> histories_;
    std::set<base::TimelineId> lost_;
    TimelineRanges ranges_;
    std::set<base::SegmentId> unfinished_;
    std::map<base::SegmentId, base::Error> unreadable_;
    std::map<base::TimelineId, std::vector<repo::format::DeclaredGap>> gaps_;
};

}  // namespace agri::engine

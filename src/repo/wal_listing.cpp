// What the archive holds, told from names alone: a year of segments is listed without opening one.
// Names that are not ours are counted, never an error: somebody's stray file must not stop
// archiving.
#include "repo/record.hpp"
#include "repo/wal_archive.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

constexpr std::string_view kBlocksSuffix = ".blocks";
constexpr std::string_view kGapsFolder = "gaps/";

// Sorts the names of one timeline's folder, which come in ascending order, into a survey.
class Surveyor {
   public:
    Surveyor(const Incarnation& incarnation, base::TimelineId timeline)
        : keys_(incarnation.keys()),
          timeline_(timeline),
          segment_size_(incarnation.info().wal_segment_size()) {}

    void Add(const storage::ObjectInfo& object) {
        std::string_view name = object.key;
        name.remove_prefix(name.rfind('/') + 1);
        if (IsChangedBlocks(object.key, name)) {
            ++survey_.changed_block_maps;
            return;
        }
        const auto file = base::WalFileName::Parse(name);
        if (!file || !IsInPlace(*file) || keys_.Wal(*file) != object.key)
            ++survey_.foreign_names;
        else if (file->kind == base::WalFileKind::kPartial)
            survey_.partial_segments.push_back(
                *base::SegmentId::Parse(file->segment_name, segment_size_));
        else if (file->kind == base::WalFileKind::kBackupHistory)
            ++survey_.backup_history_files;
        else
            AddSegment(*base::SegmentId::Parse(file->segment_name, segment_size_),
                       object.size_bytes);
    }
    WalSurvey Take() { return std::move(survey_); }

   private:
    // A name of this timeline and a segment that exists with this segment size.
    bool IsInPlace(const base::WalFileName& file) const {
        return file.kind != base::WalFileKind::kHistory && file.timeline == timeline_ &&
               base::SegmentId::Parse(file.segment_name, segment_size_).has_value();
    }
    bool IsChangedBlocks(const std::string& key, std::string_view name) const {
        if (!name.ends_with(kBlocksSuffix)) return false;
        const auto file =
            base::WalFileName::Parse(name.substr(0, name.size() - kBlocksSuffix.size()));
        return file && file->kind == base::WalFileKind::kSegment && IsInPlace(*file) &&
               keys_.ChangedBlocks(*file) == key;
    }
    void AddSegment(const base::SegmentId& segment, uint64_t stored_bytes) {
        const base::Lsn start = segment.Start(segment_size_);
        if (survey_.ranges.empty() || survey_.ranges.back().to != start)
            survey_.ranges.push_back({.timeline = timeline_, .from = start, .to = start});
        TimelineRange& range = survey_.ranges.back();
        range.to = segment.End(segment_size_);
        ++range.segments;
        range.stored_bytes += stored_bytes;
    }

    const layout::IncarnationKeys& keys_;
    const base::TimelineId timeline_;
    const uint64_t segment_size_;
    WalSurvey survey_;
};

std::optional<base::TimelineId> ParseTimelineFolder(std::string_view name) {
    std::array<std::byte, 4> bytes;
    if (!base::FromHex(name, bytes)) return std::nullopt;
    const base::TimelineId timeline{__builtin_bswap32(base::LoadLe<uint32_t>(bytes.data()))};
    if (timeline.value == 0 || timeline.ToString() != name) return std::nullopt;
    return timeline;
}

// Ends a listing whose question is answered.
base::Status Found() { return MakeError(ErrorCode::kCancelled, "found"); }

base::Result<bool> HasSegments(const Incarnation& incarnation, base::TimelineId timeline) {
    bool has_segments = false;
    base::Status listed = incarnation.repository().storage().List(
        incarnation.keys().WalFolder(timeline),
        [&](const storage::ObjectInfo& object) -> base::Status {
            Surveyor one(incarnation, timeline);
            one.Add(object);
            if (one.Take().ranges.empty()) return {};
            has_segments = true;
            return Found();
        });
    if (!listed && !has_segments) return std::move(listed).error();
    return has_segments;
}

base::Result<format::DeclaredGap> ReadGap(const Incarnation& incarnation, base::TimelineId timeline,
                                          const std::string& key) {
    AGRI_ASSIGN(auto gap, GetMessage<format::DeclaredGap>(incarnation.repository(), key));
    if (gap.timeline() != timeline.value || gap.from_lsn() >= gap.to_lsn() ||
        incarnation.keys().Gap(timeline, base::Lsn{gap.from_lsn()}) != key)
        return DamagedObject(key, "it does not declare the gap that its name says");
    return gap;
}

}  // namespace

base::Result<WalSurvey> WalArchive::Survey(base::TimelineId timeline) const {
    Surveyor surveyor(*incarnation_, timeline);
    const std::string folder = incarnation_->keys().WalFolder(timeline);
    const std::string gaps = folder + std::string(kGapsFolder);
    AGRI_TRY(incarnation_->repository().storage().List(
        folder, [&](const storage::ObjectInfo& object) -> base::Status {
            if (!object.key.starts_with(gaps)) surveyor.Add(object);
            return {};
        }));
    return surveyor.Take();
}

base::Result<std::vector<TimelineRange>> WalArchive::Ranges(base::TimelineId timeline) const {
    AGRI_ASSIGN(WalSurvey survey, Survey(timeline));
    return std::move(survey.ranges);
}

base::Result<std::vector<base::TimelineId>> WalArchive::Timelines() const {
    AGRI_ASSIGN(const std::vector<std::string> names,
                incarnation_->repository().storage().Children(incarnation_->keys().WalFolder()));
    std::vector<base::TimelineId> timelines;
    for (const std::string& name : names) {
        const auto timeline = ParseTimelineFolder(name);
        if (!timeline) continue;
        AGRI_ASSIGN(const bool has_segments, HasSegments(*incarnation_, *timeline));
        if (has_segments) timelines.push_back(*timeline);
    }
    return timelines;
}

base::Result<std::vector<std::string>> WalArchive::HistoryFiles() const {
    AGRI_ASSIGN(const std::vector<std::string> names, incarnation_->repository().storage().Children(
                                                          incarnation_->keys().HistoryFolder()));
    std::vector<std::string> files;
    for (const std::string& name : names) {
        const auto file = base::WalFileName::Parse(name);
        if (file && file->kind == base::WalFileKind::kHistory) files.push_back(name);
    }
    return files;
}

base::Status WalArchive::DeclareGap(const format::DeclaredGap& gap) {
    if (gap.timeline() == 0 || gap.from_lsn() >= gap.to_lsn())
        return MakeError(ErrorCode::kInvalidArgument, "the declared gap is empty");
    const base::TimelineId timeline{gap.timeline()};
    const std::string key = incarnation_->keys().Gap(timeline, base::Lsn{gap.from_lsn()});
    AGRI_ASSIGN(const storage::PutOutcome outcome,
                PutMessage(incarnation_->repository(), key, gap));
    if (outcome == storage::PutOutcome::kCreated) return {};
    AGRI_ASSIGN(const format::DeclaredGap there, ReadGap(*incarnation_, timeline, key));
    if (there.to_lsn() != gap.to_lsn())
        return MakeError(ErrorCode::kConflict,
                         "a gap from {} on timeline {} is already declared, up to {}",
                         base::Lsn{gap.from_lsn()}.ToString(), gap.timeline(),
                         base::Lsn{there.to_lsn()}.ToString())
            .WithHint("Declare what is missing beyond it as a gap of its own.");
    return incarnation_->repository().storage().EnsureDurable(key);
}

base::Result<std::vector<format::DeclaredGap>> WalArchive::Gaps(base::TimelineId timeline) const {
    std::vector<std::string> keys;
    AGRI_TRY(incarnation_->repository().storage().List(incarnation_->keys().GapFolder(timeline),
                                                       [&](const storage::ObjectInfo& object) {
                                                           keys.push_back(object.key);
                                                           return base::Status{};
                                                       }));
    std::vector<format::DeclaredGap> gaps;
    for (const std::string& key : keys) {
        AGRI_ASSIGN(format::DeclaredGap gap, ReadGap(*incarnation_, timeline, key));
        gaps.push_back(std::move(gap));
    }
    return gaps;
}

}  // namespace agri::repo

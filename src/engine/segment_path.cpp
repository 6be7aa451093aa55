// Runs are put together timeline by timeline, newest first: each older one only fills the numbers
// that lie before its switch point and that no newer one holds.
#include "engine/segment_path.hpp"

#include <algorithm>

namespace agri::engine {

namespace {

struct NumberRange {
    uint64_t first = 0;
    uint64_t end = 0;  // exclusive
};

// Numbers of the segments in which `timeline` has bytes on this path.
NumberRange ReachOf(const wal::TimelineHistory& history, base::TimelineId timeline,
                    uint64_t segment_size) {
    NumberRange reach{0, UINT64_MAX};
    if (auto begin = history.BeginOf(timeline)) reach.first = begin->value / segment_size;
    if (auto branch = history.BranchPointOf(timeline))
        reach.end = (branch->value + segment_size - 1) / segment_size;
    return reach;
}

// Parts of `range` that no run in `taken` (ascending) holds.
std::vector<NumberRange> Uncovered(NumberRange range, const std::vector<SegmentRun>& taken) {
    std::vector<NumberRange> free;
    for (const SegmentRun& run : taken) {
        if (run.end_number() <= range.first) continue;
        if (run.first.number >= range.end) break;
        if (run.first.number > range.first) free.push_back({range.first, run.first.number});
        range.first = run.end_number();
    }
    if (range.first < range.end) free.push_back(range);
    return free;
}

void AddTimeline(base::TimelineId timeline, NumberRange reach,
                 const std::vector<repo::TimelineRange>& ranges, uint64_t segment_size,
                 std::vector<SegmentRun>& runs) {
    std::vector<SegmentRun> added;
    for (const repo::TimelineRange& range : ranges) {
        NumberRange numbers{std::max(range.from.value / segment_size, reach.first),
                            std::min(range.to.value / segment_size, reach.end)};
        if (numbers.first >= numbers.end) continue;
        for (const NumberRange& free : Uncovered(numbers, runs))
            added.push_back({{timeline, free.first}, free.end - free.first});
    }
    runs.insert(runs.end(), added.begin(), added.end());
    std::sort(runs.begin(), runs.end(), [](const SegmentRun& a, const SegmentRun& b) {
        return a.first.number < b.first.number;
    });
}

}  // namespace

SegmentPath::SegmentPath(std::vector<SegmentRun> runs) : runs_(std::move(runs)) {
    for (const SegmentRun& run : runs_) {
        before_.push_back(size_);
        size_ += run.count;
    }
}

base::SegmentId SegmentPath::At(uint64_t index) const {
    auto next = std::upper_bound(before_.begin(), before_.end(), index);
    const size_t run = static_cast<size_t>(next - before_.begin()) - 1;
    return {runs_[run].first.timeline, runs_[run].first.number + (index - before_[run])};
}

uint64_t SegmentPath::LowerBound(uint64_t number) const {
    for (size_t i = 0; i < runs_.size(); ++i) {
        if (number >= runs_[i].end_number()) continue;
        const uint64_t first = runs_[i].first.number;
        return before_[i] + (number > first ? number - first : 0);
    }
    return size_;
}

uint64_t SegmentPath::EndOfCoverage(uint64_t number) const {
    for (const SegmentRun& run : runs_) {
        if (run.first.number > number) break;
        number = std::max(number, run.end_number());
    }
    return number;
}

std::optional<uint64_t> SegmentPath::NextPresent(uint64_t number) const {
    const uint64_t index = LowerBound(number);
    if (index == size_) return std::nullopt;
    return At(index).number;
}

uint64_t SegmentPath::last_number() const {
    return runs_.empty() ? 0 : runs_.back().end_number() - 1;
}

SegmentPath BuildSegmentPath(const wal::TimelineHistory& history, const TimelineRanges& ranges,
                             uint64_t first, uint64_t segment_size) {
    std::vector<base::TimelineId> newest_first{history.timeline()};
    for (auto it = history.ancestors().rbegin(); it != history.ancestors().rend(); ++it)
        newest_first.push_back(it->timeline);
    std::vector<SegmentRun> runs;
    for (base::TimelineId timeline : newest_first) {
        auto found = ranges.find(timeline);
        if (found == ranges.end()) continue;
        NumberRange reach = ReachOf(history, timeline, segment_size);
        reach.first = std::max(reach.first, first);
        AddTimeline(timeline, reach, found->second, segment_size, runs);
    }
    return SegmentPath(std::move(runs));
}

}  // namespace agri::engine

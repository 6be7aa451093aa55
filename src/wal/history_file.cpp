#include "wal/history_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace agri::wal {
namespace {

using base::ErrorCode;
using base::Lsn;
using base::MakeError;
using base::TimelineId;

// The server separates fields with tabs and reads any of these (isspace).
constexpr std::string_view kSpace = " \t\r\v\f";

// Takes the next field off the front of `rest`; empty when there is none.
std::string_view TakeField(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
    const std::string_view field = rest.substr(0, rest.find_first_of(kSpace));
    rest.remove_prefix(field.size());
    return field;
}

std::string_view Trim(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

std::optional<uint32_t> ParseTimelineNumber(std::string_view text) {
    uint32_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || value == 0) return std::nullopt;
    return value;
}

}  // namespace

base::Result<TimelineHistory> TimelineHistory::Parse(TimelineId timeline, std::string_view text) {
    TimelineHistory history(timeline);
    const auto corrupt = [&](int line, std::string_view what) {
        return MakeError(ErrorCode::kCorrupt, "timeline history file {}.history, line {}: {}",
                         timeline.ToString(), line, what);
    };
    for (int line = 1; !text.empty(); ++line) {
        std::string_view rest = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(rest.size() + 1, text.size()));
        if (rest.find('\0') != std::string_view::npos) return corrupt(line, "holds a zero byte");
        const std::string_view number = TakeField(rest);
        if (number.empty() || number.front() == '#') continue;
        const std::optional<uint32_t> parent = ParseTimelineNumber(number);
        if (!parent) return corrupt(line, "expected a numeric timeline ID");
        const std::optional<Lsn> switch_point = Lsn::Parse(TakeField(rest));
        if (!switch_point) return corrupt(line, "expected a write-ahead log switchpoint location");
        if (!history.ancestors_.empty()) {
            const HistoryEntry& before = history.ancestors_.back();
            if (*parent <= before.timeline.value)
                return corrupt(line, "timeline IDs must be in increasing sequence");
            if (*switch_point < before.switch_point)
                return corrupt(line, "switchpoint locations must not descend");
        }
        if (*parent >= timeline.value)
            return corrupt(line, "timeline IDs must be less than child timeline's ID");
        history.ancestors_.push_back({{*parent}, *switch_point, std::string(Trim(rest))});
    }
    return history;
}

base::Result<TimelineHistory> TimelineHistory::Branch(TimelineId child, Lsn switch_point,
                                                      std::string_view reason) const {
    if (child <= timeline_) {
        return MakeError(ErrorCode::kInvalidArgument, "timeline {} cannot branch off timeline {}",
                         child.value, timeline_.value);
    }
    if (!ancestors_.empty() && switch_point < ancestors_.back().switch_point) {
        return MakeError(ErrorCode::kInvalidArgument,
                         "timeline {} begins at {}, so nothing can branch off it at {}",
                         timeline_.value, ancestors_.back().switch_point.ToString(),
                         switch_point.ToString());
    }
    if (reason.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos) {
        return MakeError(ErrorCode::kInvalidArgument,
                         "the reason for a timeline must be a single line");
    }
    TimelineHistory history(child);
    history.ancestors_ = ancestors_;
    history.ancestors_.push_back({timeline_, switch_point, std::string(Trim(reason))});
    return history;
}

std::string TimelineHistory::Format() const {
    std::string text;
    for (const HistoryEntry& entry : ancestors_) {
        text += fmt::format("{}\t{}\t{}\n", entry.timeline.value, entry.switch_point.ToString(),
                            entry.reason);
    }
    return text;
}

bool TimelineHistory::Contains(TimelineId timeline) const { return BeginOf(timeline).has_value(); }

TimelineId TimelineHistory::TimelineAt(Lsn lsn) const {
    for (const HistoryEntry& entry : ancestors_)
        if (lsn < entry.switch_point) return entry.timeline;
    return timeline_;
}

base::SegmentId TimelineHistory::SegmentAt(uint64_t number, uint64_t segment_size_bytes) const {
    const Lsn last_byte{(number + 1) * segment_size_bytes - 1};
    return {TimelineAt(last_byte), number};
}

std::optional<Lsn> TimelineHistory::BranchPointOf(TimelineId timeline) const {
    for (const HistoryEntry& entry : ancestors_)
        if (entry.timeline == timeline) return entry.switch_point;
    return std::nullopt;
}

std::optional<Lsn> TimelineHistory::BeginOf(TimelineId timeline) const {
    Lsn begin;
    for (const HistoryEntry& entry : ancestors_) {
        if (entry.timeline == timeline) return begin;
        begin = entry.switch_point;
    }
    if (timeline == timeline_) return begin;
    return std::nullopt;
}

bool TimelineHistory::Includes(TimelineId timeline, Lsn lsn) const {
    const std::optional<Lsn> begin = BeginOf(timeline);
    if (!begin || lsn < *begin) return false;
    const std::optional<Lsn> end = BranchPointOf(timeline);
    return !end || lsn <= *end;
}

}  // namespace agri::wal

// Strict parsing of recovery targets: garbage is an error here, before a repository is opened.
#include "engine/target_options.hpp"

#include <algorithm>
#include <charconv>

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

std::optional<uint64_t> ParseNumber(std::string_view text) {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

base::Error Invalid(std::string_view option, std::string_view value, std::string hint) {
    return MakeError(ErrorCode::kInvalidArgument, "invalid value for {}: \"{}\"", option, value)
        .WithHint(std::move(hint));
}

Status SetTime(const std::string& text, RecoveryTarget& target) {
    auto time = base::ParseTimeWithOffset(text);
    if (!time)
        return Invalid("--target-time", text,
                       "Write it with a UTC offset: \"2026-11-22 20:15:00+01\" or "
                       "\"2026-11-22T19:15:00Z\".");
    target.kind = TargetKind::kTime;
    target.time = *time;
    return {};
}

Status SetPosition(const TargetOptions& options, RecoveryTarget& target) {
    if (!options.time.empty()) return SetTime(options.time, target);
    if (!options.lsn.empty()) {
        auto lsn = base::Lsn::Parse(options.lsn);
        if (!lsn || !lsn->IsValid())
            return Invalid("--target-lsn", options.lsn, "Write it as \"16/B374D848\".");
        target.kind = TargetKind::kLsn;
        target.lsn = *lsn;
    } else if (!options.xid.empty()) {
        // pg_current_xact_id() gives 64 bits, of which WAL and recovery_target_xid know the lower half.
        auto xid = ParseNumber(options.xid);
        if (!xid || static_cast<uint32_t>(*xid) < 3)
            return Invalid("--target-xid", options.xid,
                           "Write it as pg_current_xact_id() shows it: a number from 3.");
        target.kind = TargetKind::kXid;
        target.xid = static_cast<uint32_t>(*xid);
    } else if (!options.name.empty()) {
        target.kind = TargetKind::kName;
        target.name = options.name;
    } else if (options.immediate) {
        target.kind = TargetKind::kImmediate;
    }
    return {};
}

Status SetTimeline(const std::string& text, RecoveryTarget& target) {
    if (text.empty()) return {};
    auto number = ParseNumber(text);
    if (text != "latest" && text != "current" && (!number || *number == 0 || *number > UINT32_MAX))
        return Invalid("--target-timeline", text, "Use latest, current or a timeline number.");
    target.timeline = text;
    return {};
}

Status SetAction(const std::string& text, RecoveryTarget& target) {
    if (text.empty() || text == "promote")
        target.action = TargetAction::kPromote;
    else if (text == "pause")
        target.action = TargetAction::kPause;
    else if (text == "shutdown")
        target.action = TargetAction::kShutdown;
    else
        return Invalid("--target-action", text, "Use promote, pause or shutdown.");
    return {};
}

}  // namespace

Result<RecoveryTarget> ParseTarget(const TargetOptions& options) {
    const int given = !options.time.empty() + !options.lsn.empty() + !options.xid.empty() +
                      !options.name.empty() + (options.immediate ? 1 : 0);
    if (given > 1)
        return base::Error(ErrorCode::kInvalidArgument, "more than one recovery target was given")
            .WithHint("Give one of --target-time, --target-lsn, --target-xid, --target-name and "
                      "--target-immediate.");
    RecoveryTarget target;
    AGRI_TRY(SetPosition(options, target));
    const bool can_exclude = target.kind == TargetKind::kTime || target.kind == TargetKind::kLsn ||
                             target.kind == TargetKind::kXid;
    if (options.exclusive && !can_exclude)
        return base::Error(ErrorCode::kInvalidArgument,
                           "--exclusive needs --target-time, --target-lsn or --target-xid");
    target.exclusive = options.exclusive;
    AGRI_TRY(SetTimeline(options.timeline, target));
    AGRI_TRY(SetAction(options.action, target));
    return target;
}

}  // namespace agri::engine

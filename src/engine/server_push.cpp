#include "engine/server_push.hpp"

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "engine/control_file.hpp"
#include "engine/server_role.hpp"
#include "engine/wal_owner.hpp"
#include "repo/claim.hpp"
#include "repo/machine.hpp"
#include "wal/history_file.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

Result<WalPushResult> PushForStandby(const repo::Incarnation& incarnation, const std::string& name,
                                     const std::string& path, const Context& context) {
    AGRI_ASSIGN(
        const base::Bytes content,
        base::ReadWholeFile(path, wal::kMaxHistoryBytes + incarnation.info().wal_segment_size()));
    AGRI_TRY(ConfirmArchived(incarnation, name, content, context.clock));
    return WalPushResult{.outcome = storage::PutOutcome::kExists};
}

}  // namespace

Status ConfirmArchived(const repo::Incarnation& incarnation, const std::string& name,
                       base::ByteView content, const base::Clock& clock) {
    repo::format::WalIndex index;
    index.set_name(name);
    index.set_host(repo::HostName());
    AGRI_ASSIGN(const bool is_there,
                repo::WalArchive(incarnation).Confirm(std::move(index), content, clock));
    if (is_there) return {};
    return MakeError(ErrorCode::kBusy, "the primary has not archived \"{}\" yet", name)
        .WithDetail("A standby writes no WAL into the repository, and keeps this file.")
        .WithHint("Look at agri_backup.status on the primary.");
}

Status PushHistory(WalPusher& pusher, const std::string& data_directory, base::TimelineId timeline,
                   const Context& context) {
    if (timeline.value <= 1) return {};
    auto pushed = pusher.Push(
        fmt::format("{}/pg_wal/{}.history", data_directory, timeline.ToString()), context);
    if (!pushed && pushed.error().code != ErrorCode::kNotFound) return std::move(pushed).error();
    return {};
}

Result<WalPushResult> PushForServer(const repo::Incarnation& incarnation,
                                    const std::string& data_directory, const std::string& path,
                                    const Context& context) {
    AGRI_TRY(CheckMayWrite(data_directory));
    AGRI_ASSIGN(const ControlImage image, ReadControlImage(data_directory, context.cancel));
    // Another cluster's server must not take the claim.
    AGRI_TRY(CheckSystem(incarnation, image.control.system_identifier, "this server"));
    const auto file = base::WalFileName::Parse(std::filesystem::path(path).filename().string());
    if (file && IsInRecovery(image.control))
        return PushForStandby(incarnation, file->name, path, context);
    const base::TimelineId timeline =
        file ? std::max(file->timeline, image.control.timeline) : image.control.timeline;
    AGRI_ASSIGN(const auto claim, repo::EnsureClaim(incarnation, data_directory, timeline,
                                                    context.clock, context.random));
    WalPusher pusher(incarnation, claim.epoch());
    AGRI_TRY(PushHistory(pusher, data_directory, timeline, context));
    return pusher.Push(path, context);
}

}  // namespace agri::engine

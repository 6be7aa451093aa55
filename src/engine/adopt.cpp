#include "engine/adopt.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/control_file.hpp"
#include "engine/restore_layout.hpp"
#include "engine/server_check.hpp"
#include "repo/wal_archive.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;
using base::TimelineId;
using repo::format::WriterClaim;

namespace {

Status CheckServer(const repo::Incarnation& incarnation, const std::string& data_directory,
                   const wal::ControlFile& control) {
    const uint64_t known = incarnation.info().system_identifier();
    if (control.system_identifier != known)
        return MakeError(ErrorCode::kConflict,
                         "data directory \"{}\" is of system {}, but cluster \"{}\" is system {}",
                         data_directory, control.system_identifier, incarnation.cluster(), known)
            .WithHint(
                "Name the data directory's own cluster with --cluster. If it shall have this one's "
                "name from now on, run \"agri_backup upgrade\" first.");
    if (IsInRecovery(control))
        return MakeError(ErrorCode::kClusterState, "data directory \"{}\" is a standby's",
                         data_directory)
            .WithHint(
                "A standby writes no WAL. Promote it: that takes over by itself, or else adopt it "
                "then.");
    return {};
}

// An epoch for a timeline that does not exist would lock out the server that writes the real one.
Status CheckTimeline(const repo::Incarnation& incarnation, const std::string& data_directory,
                     TimelineId timeline) {
    const repo::WalArchive archive(incarnation);
    const std::string history = timeline.ToString() + ".history";
    AGRI_ASSIGN(const auto archived, archive.Timelines());
    if (std::find(archived.begin(), archived.end(), timeline) != archived.end()) return {};
    AGRI_ASSIGN(const auto histories, archive.HistoryFiles());
    if (std::find(histories.begin(), histories.end(), history) != histories.end()) return {};
    if (access(fmt::format("{}/pg_wal/{}", data_directory, history).c_str(), F_OK) == 0) return {};
    return MakeError(ErrorCode::kInvalidArgument,
                     "neither the archive nor data directory \"{}\" knows of a timeline {}",
                     data_directory, timeline.value)
        .WithHint("Leave --timeline out: the timeline of pg_control is taken then.");
}

// Its own claim when that is in force for the timeline already.
Result<std::optional<WriterClaim>> OwnClaim(const repo::Incarnation& incarnation,
                                            const std::string& data_directory,
                                            const WriterClaim& current, TimelineId timeline,
                                            const Context& context) {
    if (current.timeline() != timeline.value) return std::nullopt;
    auto own =
        repo::EnsureClaim(incarnation, data_directory, timeline, context.clock, context.random);
    if (own) return std::optional(std::move(*own));
    if (own.error().code == ErrorCode::kConflict) return std::nullopt;
    return std::move(own).error();
}

// A clone that writes is none any longer; what restore set beside the role is the operator's to
// change, with the server.
Status EndClone(const std::string& data_directory) {
    const std::string path = fmt::format("{}/{}", data_directory, kRoleFile);
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return base::ErrnoError(errno, fmt::format("could not remove file \"{}\"", path));
}

}  // namespace

// The claim is written for the server to read, which runs as the owner; pg_rewind has the same
// rule.
Status CheckOwner(const std::string& data_directory) {
    struct stat info {};
    if (stat(data_directory.c_str(), &info) != 0)
        return base::ErrnoError(
            errno, fmt::format("could not look at data directory \"{}\"", data_directory));
    if (info.st_uid == geteuid()) return {};
    return MakeError(ErrorCode::kPermission,
                     "adopt must be run by the owner of data directory \"{}\"", data_directory)
        .WithHint(fmt::format("Run it as that user: sudo -u '#{}' agri_backup ...", info.st_uid));
}

Result<AdoptOutcome> Adopt(const repo::Incarnation& incarnation, const std::string& data_directory,
                           TimelineId timeline, const Context& context) {
    AGRI_TRY(CheckOwner(data_directory));
    AGRI_ASSIGN(const ControlImage image, ReadControlImage(data_directory, context.cancel));
    AGRI_TRY(CheckServer(incarnation, data_directory, image.control));
    if (timeline.value == 0) timeline = image.control.timeline;
    if (timeline != image.control.timeline)
        AGRI_TRY(CheckTimeline(incarnation, data_directory, timeline));
    AdoptOutcome outcome;
    AGRI_ASSIGN(outcome.former, repo::CurrentClaim(incarnation));
    if (outcome.former) {
        AGRI_TRY(CheckOtherWriterStopped(
            *outcome.former, data_directory,
            "It is the writer, and could archive no longer. Stop it if the other data directory "
            "takes its place; if both shall run, give the other a cluster name of its own."));
        AGRI_ASSIGN(auto own,
                    OwnClaim(incarnation, data_directory, *outcome.former, timeline, context));
        outcome.is_change = !own;
        if (own) outcome.claim = std::move(*own);
    }
    if (outcome.is_change) {
        AGRI_ASSIGN(outcome.claim, repo::AdoptClaim(incarnation, data_directory, timeline, "adopt",
                                                    context.clock, context.random));
    }
    AGRI_TRY(EndClone(data_directory));
    return outcome;
}

}  // namespace agri::engine

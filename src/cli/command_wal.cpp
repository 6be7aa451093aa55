// `wal-fetch` serves restore_command, `wal-push` archives without a server, `wal-gap` records an
// operator's word that WAL is lost. Their exit codes are PostgreSQL's contract, not ours to choose.
#include <sys/stat.h>
#include <unistd.h>

#include "base/count.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "engine/control_file.hpp"
#include "engine/server_push.hpp"
#include "engine/wal_fetch.hpp"
#include "engine/wal_gap.hpp"
#include "engine/wal_push.hpp"
#include "repo/claim.hpp"

namespace agri::cli {

namespace {

using namespace std::chrono_literals;
using base::ErrorCode;

// How long a standby's fetch asks an unreachable storage again. A promotion makes several fetches
// one after another, and clients wait for its end.
constexpr auto kStandbyPatience = 1s;

bool IsThere(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// restore_command runs in the data directory.
bool IsStandby() { return IsThere("standby.signal"); }

// At the end of a promotion both signal files are gone, and the server asks once more for its
// timeline's history (writeTimeLineHistory() of src/backend/access/transam/timeline.c). It reads
// its own copy where the archive has none; timeline 1 has no history.
bool IsPromotedWithHistory(const std::string& name) {
    const auto file = base::WalFileName::Parse(name);
    return file && file->kind == base::WalFileKind::kHistory && !IsStandby() &&
           !IsThere("recovery.signal") && (file->timeline.value == 1 || IsThere("pg_wal/" + name));
}

// A standby never ends recovery because a file is not there: it streams, and asks again. What keeps
// it from the archive for a while is "not there" to it, else a mount that is gone would end the
// server. Damage and contradictions stop it, as they stop a recovery.
bool IsAbsence(ErrorCode code) {
    switch (code) {
        case ErrorCode::kUnavailable:
        case ErrorCode::kNotInitialized:
        case ErrorCode::kPermission:
        case ErrorCode::kAuthentication:
        case ErrorCode::kConfiguration:
        case ErrorCode::kIo:
            return true;
        default:
            return false;
    }
}

// Whether the server that asks can do without an archive that is away.
bool GoesOnWithout(const std::string& name) { return IsStandby() || IsPromotedWithHistory(name); }

bool IsInDataDirectory() { return IsThere("PG_VERSION"); }

// A server gets the WAL of its own incarnation, in force or not: what was restored from before an
// upgrade, and a standby that lags behind one.
base::Result<repo::Incarnation*> OpenForFetch(Session& session, std::optional<uint32_t> number) {
    if (number || !IsInDataDirectory()) return session.OpenIncarnation(number);
    AGRI_ASSIGN(const auto identity, engine::ReadIdentity(".", session.context().cancel));
    return session.OpenIncarnationFor(identity);
}

base::Result<engine::WalFetchOutcome> Fetch(const CommonOptions& options,
                                            const engine::WalFetchRequest& request,
                                            std::optional<uint32_t> number) {
    AGRI_ASSIGN(auto session, Session::Open(options));
    if (GoesOnWithout(request.name)) session->SetStoragePatience(kStandbyPatience);
    AGRI_ASSIGN(repo::Incarnation * incarnation, OpenForFetch(*session, number));
    return engine::FetchWal(*incarnation, request, session->context());
}

int WalFetch(const CommonOptions& options, const engine::WalFetchRequest& request,
             std::optional<uint32_t> number) {
    auto outcome = Fetch(options, request, number);
    if (outcome) return *outcome == engine::WalFetchOutcome::kFetched ? kSuccess : kAbsent;
    const base::Error& error = outcome.error();
    Fail(options, error);
    return GoesOnWithout(request.name) && IsAbsence(error.code) ? kAbsent : kFetchError;
}

// The server runs archive_command in its data directory: what it pushes is under its claim. What a
// person pushes is under that person's word.
bool IsArchiveCommand() {
    struct stat info {};
    return IsInDataDirectory() && stat("global/pg_control", &info) == 0 && info.st_uid == geteuid();
}

int PushFolder(const CommonOptions& options, engine::WalPusher& pusher, const std::string& path,
               const Session& session) {
    auto result = engine::PushWalFolder(pusher, path, session.context());
    if (!result) return Fail(options, result.error());
    std::string unfinished;
    if (result->left_saved_to.IsValid())
        unfinished = fmt::format("; unfinished segment {} saved up to {}", result->left,
                                 result->left_saved_to.ToString());
    else if (!result->left.empty())
        unfinished = fmt::format(
            "; unfinished segment {} left to the server, which is running or cannot be told to be "
            "stopped",
            result->left);
    Print("{} archived, {} already there{}\n", base::Count(result->archived, "WAL file"),
          result->already_there, unfinished);
    return kSuccess;
}

int WalPush(const CommonOptions& options, const std::string& path, std::optional<uint32_t> number) {
    auto session = Session::Open(options);
    if (!session) return Fail(options, session.error());
    auto incarnation = (*session)->OpenIncarnation(number);
    if (!incarnation) return Fail(options, incarnation.error());
    struct stat info {};
    if (stat(path.c_str(), &info) != 0)
        return Fail(options, base::ErrnoError(errno, fmt::format("could not open \"{}\"", path)));
    const engine::Context& context = (*session)->context();
    const bool is_folder = S_ISDIR(info.st_mode);
    if (!is_folder && IsArchiveCommand()) {
        auto pushed = engine::PushForServer(**incarnation, ".", path, context);
        return pushed ? kSuccess : Fail(options, pushed.error());
    }
    auto claim = repo::CurrentClaim(**incarnation);
    if (!claim) return Fail(options, claim.error());
    engine::WalPusher pusher(**incarnation, *claim ? (*claim)->epoch() : 0);
    if (is_folder) return PushFolder(options, pusher, path, **session);
    auto pushed = engine::PushWalFile(pusher, path, context);
    return pushed ? kSuccess : Fail(options, pushed.error());
}

struct GapOptions {
    uint32_t timeline = 0;
    std::string from, to, reason;
};

void PrintGap(const CommonOptions& options, const repo::format::DeclaredGap& gap) {
    const std::string from = base::Lsn{gap.from_lsn()}.ToString();
    const std::string to = base::Lsn{gap.to_lsn()}.ToString();
    if (options.json) {
        Print("{}\n", base::ToIndented({{"format", 1},
                                        {"timeline", gap.timeline()},
                                        {"from_lsn", from},
                                        {"to_lsn", to},
                                        {"declared_by", gap.declared_by()},
                                        {"reason", gap.reason()}}));
        return;
    }
    Print(
        "declared: WAL of timeline {} from {} to {} is lost ({})\n"
        "A declaration is not taken back; WAL that turns up again can still be pushed.\n",
        gap.timeline(), from, to, gap.reason());
}

int DeclareGap(const CommonOptions& options, const GapOptions& given) {
    auto from = base::Lsn::Parse(given.from), to = base::Lsn::Parse(given.to);
    if (!from || !to || !(*from < *to))
        return Fail(options, base::Error(ErrorCode::kInvalidArgument,
                                         "--from and --to must be LSNs, --from the smaller")
                                 .WithHint("Write them as \"16/B3000000\"."));
    auto session = Session::Open(options);
    if (!session) return Fail(options, session.error());
    auto incarnation = (*session)->OpenIncarnation();
    if (!incarnation) return Fail(options, incarnation.error());
    repo::format::DeclaredGap gap;
    gap.set_timeline(given.timeline);
    gap.set_from_lsn(from->value);
    gap.set_to_lsn(to->value);
    gap.set_declared_us((*session)->context().clock.Now().time_since_epoch().count());
    gap.set_declared_by(fmt::format("uid {}", getuid()));
    gap.set_reason(given.reason);
    auto status = engine::DeclareGap(**incarnation, gap);
    if (!status) return Fail(options, status.error());
    PrintGap(options, gap);
    return kSuccess;
}

}  // namespace

void AddWalFetch(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("wal-fetch", "serve restore_command: fetch WAL file %f to %p");
    auto request = std::make_shared<engine::WalFetchRequest>();
    command->add_option("FILE", request->name, "name of the WAL file (%f)")->required();
    command->add_option("PATH", request->destination, "where to put it (%p)")->required();
    command->add_option("--prefetch", request->prefetch,
                        "segments to fetch ahead (default: 8; 0: none)");
    auto number = std::make_shared<std::optional<uint32_t>>();
    AddIncarnationOption(*command, *number);
    command->callback([&options, &action, request, number] {
        action = [&options, request, number] {
            if (request->prefetch > 0 && IsInDataDirectory())
                request->spool_folder = "agri_backup/spool";
            request->may_be_unfinished = !IsStandby();
            return WalFetch(options, *request, *number);
        };
    });
}

void AddWalPush(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command = app.add_subcommand(
        "wal-push", "archive a WAL file (archive_command: wal-push %p) or a whole pg_wal folder");
    auto path = std::make_shared<std::string>();
    command->add_option("PATH", *path, "a WAL file or a pg_wal folder")->required();
    auto number = std::make_shared<std::optional<uint32_t>>();
    AddIncarnationOption(*command, *number);
    command->callback([&options, &action, path, number] {
        action = [&options, path, number] { return WalPush(options, *path, *number); };
    });
}

void AddWalGap(CLI::App& app, CommonOptions& options, Action& action) {
    auto* command =
        app.add_subcommand("wal-gap", "declare that WAL is lost for good (recorded and visible)");
    auto given = std::make_shared<GapOptions>();
    command->add_option("--timeline", given->timeline, "timeline of the lost WAL")->required();
    command->add_option("--from", given->from, "first lost LSN")->required();
    command->add_option("--to", given->to, "end of the lost range")->required();
    command->add_option("--reason", given->reason, "why, for whoever reads it later")->required();
    command->callback([&options, &action, given] {
        action = [&options, given] { return DeclareGap(options, *given); };
    });
}

}  // namespace agri::cli

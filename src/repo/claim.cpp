// Writer claims: records under rising epochs, put if absent, never removed (they are the lineage).
#include "repo/claim.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <span>

#include "base/file.hpp"
#include "repo/local_claim.hpp"
#include "repo/machine.hpp"
#include "repo/record.hpp"
#include "wal/history_file.hpp"

namespace agri::repo {

namespace {

using base::ErrorCode;
using base::MakeError;

constexpr size_t kClaimIdBytes = 16;

format::WriterClaim MakeClaim(uint64_t epoch, const ClaimantIdentity& claimant,
                              base::TimelineId timeline, std::string_view reason,
                              const base::Clock& clock, base::Random& random) {
    std::string claim_id(kClaimIdBytes, '\0');
    random.Fill(std::as_writable_bytes(std::span(claim_id)));
    format::WriterClaim claim;
    claim.set_epoch(epoch);
    claim.set_claim_id(claim_id);
    claim.set_host(claimant.host);
    claim.set_machine_id(claimant.machine_id);
    claim.set_data_directory(claimant.data_directory);
    claim.set_data_directory_device(claimant.device);
    claim.set_data_directory_inode(claimant.inode);
    claim.set_timeline(timeline.value);
    claim.set_created_us(clock.Now().time_since_epoch().count());
    claim.set_reason(std::string(reason));
    claim.set_boot_id(claimant.boot_id);
    return claim;
}

std::string DescribeClaim(const format::WriterClaim& claim) {
    base::WallTime since{std::chrono::microseconds(claim.created_us())};
    return fmt::format("epoch {}: data directory \"{}\" on host \"{}\", timeline {}, since {}",
                       claim.epoch(), claim.data_directory(), claim.host(), claim.timeline(),
                       base::FormatTime(since));
}

base::Error HeldByAnother(const Incarnation& incarnation, const format::WriterClaim& holder,
                          std::string_view why) {
    return MakeError(
               ErrorCode::kConflict,
               "the repository's writer for cluster \"{}\" is \"{}\" on host \"{}\", not this "
               "server",
               incarnation.cluster(), holder.data_directory(), holder.host())
        .WithDetail(fmt::format("{} The claim in force is {}.", why, DescribeClaim(holder)))
        .WithHint(
            "If this server shall write from now on, and that one no longer does, run "
            "\"agri_backup "
            "adopt\" here. A clone needs a cluster name or a repository of its own.");
}

base::Status PutClaim(const Incarnation& incarnation, const format::WriterClaim& claim) {
    std::string key = incarnation.keys().Claim(claim.epoch());
    AGRI_ASSIGN(auto outcome, PutMessage(incarnation.repository(), key, claim));
    if (outcome == storage::PutOutcome::kCreated) return {};
    AGRI_ASSIGN(auto winner, GetMessage<format::WriterClaim>(incarnation.repository(), key));
    if (winner.claim_id() != claim.claim_id())
        return HeldByAnother(incarnation, winner, "It took this epoch first.");
    return incarnation.repository().storage().EnsureDurable(key);
}

// Pending file, repository, settled file: a crash after any step is made good by SettlePending.
base::Result<format::WriterClaim> TakeAndSave(const Incarnation& incarnation,
                                              const std::string& data_directory,
                                              const format::WriterClaim& claim) {
    AGRI_TRY(SavePendingClaim(data_directory, claim));
    AGRI_TRY(PutClaim(incarnation, claim));
    AGRI_TRY(SaveLocalClaim(data_directory, claim));
    AGRI_TRY(RemovePendingClaim(data_directory));
    return claim;
}

bool IsSameClaim(const std::optional<format::WriterClaim>& one, const format::WriterClaim& other) {
    return one && one->claim_id() == other.claim_id() && one->epoch() == other.epoch();
}

// The local claim, after an interrupted TakeAndSave was completed.
base::Result<std::optional<format::WriterClaim>> SettlePending(const std::string& data_directory,
                                                               const format::WriterClaim& current) {
    AGRI_ASSIGN(auto pending, LoadPendingClaim(data_directory));
    if (!IsSameClaim(pending, current)) return LoadLocalClaim(data_directory);
    AGRI_TRY(SaveLocalClaim(data_directory, *pending));
    AGRI_TRY(RemovePendingClaim(data_directory));
    return pending;
}

// Whether a server with an earlier claim of this lineage followed the claim in force to its
// timeline, and was promoted after that.
base::Result<bool> Followed(const Incarnation& incarnation, const format::WriterClaim& current,
                            const format::WriterClaim& local, const std::string& data_directory,
                            base::TimelineId timeline) {
    if (local.epoch() >= current.epoch() || timeline.value <= current.timeline()) return false;
    auto recorded = GetMessage<format::WriterClaim>(incarnation.repository(),
                                                    incarnation.keys().Claim(local.epoch()));
    if (!recorded && recorded.error().code == ErrorCode::kNotFound) return false;
    if (!recorded) return std::move(recorded).error();
    if (recorded->claim_id() != local.claim_id()) return false;
    AGRI_ASSIGN(const auto text,
                base::ReadFileIfPresent(
                    fmt::format("{}/pg_wal/{}.history", data_directory, timeline.ToString()),
                    wal::kMaxHistoryBytes));
    if (!text) return false;
    AGRI_ASSIGN(const auto history, wal::TimelineHistory::Parse(timeline, base::AsText(*text)));
    return history.Contains(base::TimelineId{current.timeline()});
}

// The claim in force is from when it was taken, the local one from when it was last seen at home.
bool IsSameDirectory(const format::WriterClaim& current, const format::WriterClaim& local,
                     const ClaimantIdentity& claimant) {
    bool device_counts = local.boot_id() == claimant.boot_id;
    return current.host() == claimant.host && current.machine_id() == claimant.machine_id &&
           current.data_directory() == claimant.data_directory &&
           current.data_directory_inode() == claimant.inode &&
           (!device_counts || local.data_directory_device() == claimant.device);
}

// Device numbers may change at a boot: what is seen first in this boot is what later looks compare
// with.
base::Status RefreshDevice(const std::string& data_directory, format::WriterClaim local,
                           const ClaimantIdentity& claimant) {
    if (local.boot_id() == claimant.boot_id) return {};
    local.set_boot_id(claimant.boot_id);
    local.set_data_directory_device(claimant.device);
    return SaveLocalClaim(data_directory, local);
}

}  // namespace

base::Result<ClaimantIdentity> IdentifyDataDirectory(const std::string& data_directory) {
    std::error_code failure;
    auto real = std::filesystem::canonical(data_directory, failure);
    struct stat info;
    if (failure || stat(real.c_str(), &info) != 0)
        return base::ErrnoError(
            failure ? failure.value() : errno,
            fmt::format("could not examine data directory \"{}\"", data_directory));
    AGRI_ASSIGN(std::string machine_id, MachineId());
    AGRI_ASSIGN(std::string boot_id, BootId());
    return ClaimantIdentity{HostName(),  std::move(machine_id), real.string(),
                            info.st_dev, info.st_ino,           std::move(boot_id)};
}

base::Result<std::optional<format::WriterClaim>> CurrentClaim(const Incarnation& incarnation) {
    AGRI_ASSIGN(auto highest, GetHighest<format::WriterClaim>(incarnation.repository(),
                                                              incarnation.keys().ClaimFolder()));
    if (!highest) return std::nullopt;
    if (highest->second.epoch() != highest->first || highest->first == 0)
        return DamagedObject(incarnation.keys().Claim(highest->first),
                             "its epoch is not its name's");
    return std::move(highest->second);
}

base::Result<std::vector<format::WriterClaim>> Lineage(const Incarnation& incarnation) {
    AGRI_ASSIGN(const auto epochs, ListNumbers(incarnation.repository().storage(),
                                               incarnation.keys().ClaimFolder(), kSequenceDigits));
    std::vector<format::WriterClaim> claims;
    for (const uint64_t epoch : epochs) {
        AGRI_ASSIGN(auto claim, GetMessage<format::WriterClaim>(incarnation.repository(),
                                                                incarnation.keys().Claim(epoch)));
        claims.push_back(std::move(claim));
    }
    return claims;
}

base::Result<format::WriterClaim> TakeClaim(const Incarnation& incarnation, uint64_t epoch,
                                            const ClaimantIdentity& claimant,
                                            base::TimelineId timeline, std::string_view reason,
                                            const base::Clock& clock, base::Random& random) {
    format::WriterClaim claim = MakeClaim(epoch, claimant, timeline, reason, clock, random);
    AGRI_TRY(PutClaim(incarnation, claim));
    return claim;
}

base::Result<format::WriterClaim> AdoptClaim(const Incarnation& incarnation,
                                             const std::string& data_directory,
                                             base::TimelineId timeline, std::string_view reason,
                                             const base::Clock& clock, base::Random& random) {
    AGRI_ASSIGN(ClaimantIdentity claimant, IdentifyDataDirectory(data_directory));
    while (true) {
        AGRI_ASSIGN(auto current, CurrentClaim(incarnation));
        auto taken = TakeAndSave(incarnation, data_directory,
                                 MakeClaim(current ? current->epoch() + 1 : 1, claimant, timeline,
                                           reason, clock, random));
        if (taken || taken.error().code != ErrorCode::kConflict) return taken;
        // The server in that directory may have been promoted meanwhile, and taken the epoch.
        AGRI_ASSIGN(auto winner, CurrentClaim(incarnation));
        if (!winner || !IsSameDirectory(*winner, *winner, claimant)) return taken;
    }
}

base::Result<format::WriterClaim> EnsureClaim(const Incarnation& incarnation,
                                              const std::string& data_directory,
                                              base::TimelineId timeline, const base::Clock& clock,
                                              base::Random& random) {
    AGRI_ASSIGN(ClaimantIdentity claimant, IdentifyDataDirectory(data_directory));
    AGRI_ASSIGN(auto current, CurrentClaim(incarnation));
    if (!current)
        return TakeAndSave(incarnation, data_directory,
                           MakeClaim(1, claimant, timeline, "first", clock, random));
    // Whoever put it may have died before it was durable.
    AGRI_TRY(incarnation.repository().storage().EnsureDurable(
        incarnation.keys().Claim(current->epoch())));
    AGRI_ASSIGN(auto local, SettlePending(data_directory, *current));
    const bool is_ours = IsSameClaim(local, *current);
    bool promoted = is_ours && timeline.value > current->timeline();
    if (!is_ours && local) {
        AGRI_ASSIGN(promoted, Followed(incarnation, *current, *local, data_directory, timeline));
    }
    if (promoted)
        return TakeAndSave(
            incarnation, data_directory,
            MakeClaim(current->epoch() + 1, claimant, timeline, "promotion", clock, random));
    if (!is_ours)
        return HeldByAnother(incarnation, *current,
                             local ? "This server's claim is an earlier one or another's."
                                   : "This server has no claim.");
    if (!IsSameDirectory(*current, *local, claimant))
        return HeldByAnother(incarnation, *current,
                             "This data directory is a copy of that one, or was moved.");
    AGRI_TRY(RefreshDevice(data_directory, *local, claimant));
    return *current;
}

}  // namespace agri::repo

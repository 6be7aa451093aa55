// Object keys are built here and nowhere else, so that what docs/repository-format.md draws under
// "Layout" and what is written stay one thing. Numbers are zero-padded: key order is their order.
#include "repo/layout.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace agri::repo::layout {

namespace {

constexpr size_t kMaxNameBytes = 63;  // as PostgreSQL's identifiers

bool IsLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

base::Status CheckName(std::string_view what, std::string_view name) {
    bool valid = !name.empty() && name.size() <= kMaxNameBytes &&
                 IsLowerAlphanumeric(name.front()) &&
                 std::all_of(name.begin(), name.end(),
                             [](char c) { return IsLowerAlphanumeric(c) || c == '_' || c == '-'; });
    if (valid) return {};
    return base::MakeError(base::ErrorCode::kInvalidArgument, "invalid {} name \"{}\"", what, name)
        .WithHint(fmt::format("A {} name has 1 to 63 characters of a-z, 0-9, \"_\" and \"-\", and "
                              "begins with a letter or a digit.",
                              what));
}

}  // namespace

std::string KeySlotFolder() { return "keys/"; }

std::string KeySlotFolder(uint32_t key_version) { return fmt::format("keys/{:08}/", key_version); }

std::string KeySlot(uint32_t key_version, std::string_view slot) {
    return fmt::format("keys/{:08}/{}", key_version, slot);
}

std::string ClustersFolder() { return "clusters/"; }

std::string ClusterFolder(std::string_view cluster) { return fmt::format("clusters/{}/", cluster); }

std::string IncarnationsFolder(std::string_view cluster) {
    return fmt::format("clusters/{}/incarnations/", cluster);
}

std::string Incarnation(std::string_view cluster, uint32_t number) {
    return fmt::format("clusters/{}/incarnations/{:08}", cluster, number);
}

std::string IncarnationFolderName(uint32_t major_version, uint64_t system_identifier) {
    return fmt::format("{}-{}", major_version, system_identifier);
}

base::Status CheckClusterName(std::string_view cluster) { return CheckName("cluster", cluster); }

base::Status CheckScheduleName(std::string_view schedule) {
    return CheckName("schedule", schedule);
}

std::optional<uint64_t> ParseNumber(std::string_view name, size_t digits) {
    if (name.size() != digits) return std::nullopt;
    uint64_t value = 0;
    for (char c : name) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    return value;
}

IncarnationKeys::IncarnationKeys(std::string_view cluster, std::string_view folder)
    : base_(fmt::format("clusters/{}/{}/", cluster, folder)) {}

std::string IncarnationKeys::Claim(uint64_t epoch) const {
    return fmt::format("{}claims/{:016}", base_, epoch);
}

std::string IncarnationKeys::ClaimFolder() const { return base_ + "claims/"; }

std::string IncarnationKeys::Lease(std::string_view name, uint64_t sequence) const {
    return fmt::format("{}leases/{}/{:016}", base_, name, sequence);
}

std::string IncarnationKeys::LeaseFolder(std::string_view name) const {
    return fmt::format("{}leases/{}/", base_, name);
}

std::string IncarnationKeys::Wal(const base::WalFileName& file) const {
    if (file.kind == base::WalFileKind::kHistory) return HistoryFolder() + file.name;
    return fmt::format("{}{}/{}", WalFolder(file.timeline),
                       std::string_view(file.segment_name).substr(8, 8), file.name);
}

std::string IncarnationKeys::WalFolder() const { return base_ + "wal/"; }

std::string IncarnationKeys::WalFolder(base::TimelineId timeline) const {
    return fmt::format("{}wal/{}/", base_, timeline.ToString());
}

std::string IncarnationKeys::HistoryFolder() const { return base_ + "timelines/"; }

std::string IncarnationKeys::ChangedBlocks(const base::WalFileName& segment) const {
    return fmt::format("{}{}/{}.blocks", WalFolder(segment.timeline),
                       std::string_view(segment.segment_name).substr(8, 8), segment.segment_name);
}

std::string IncarnationKeys::Gap(base::TimelineId timeline, base::Lsn from) const {
    return fmt::format("{}{:016X}", GapFolder(timeline), from.value);
}

std::string IncarnationKeys::GapFolder(base::TimelineId timeline) const {
    return WalFolder(timeline) + "gaps/";
}

std::string IncarnationKeys::TailFolder() const { return base_ + "tail/"; }

std::string IncarnationKeys::TailBegin(uint64_t epoch) const {
    return fmt::format("{}{:016}/begin", TailFolder(), epoch);
}

std::string IncarnationKeys::TailSegmentFolder(uint64_t epoch, std::string_view segment) const {
    return fmt::format("{}{:016}/{}/", TailFolder(), epoch, segment);
}

std::string IncarnationKeys::TailPiece(uint64_t epoch, std::string_view segment, base::Lsn from,
                                       base::Lsn to) const {
    return fmt::format("{}{:016X}-{:016X}", TailSegmentFolder(epoch, segment), from.value,
                       to.value);
}

std::string IncarnationKeys::Pack(base::ByteView pack_id) const {
    std::string hex = base::ToHex(pack_id);
    return fmt::format("{}packs/{}/{}", base_, std::string_view(hex).substr(0, 2), hex);
}

std::string IncarnationKeys::PackFolder() const { return base_ + "packs/"; }

std::string IncarnationKeys::Manifest(std::string_view backup_id) const {
    return fmt::format("{}backups/{}/manifest", base_, backup_id);
}

std::string IncarnationKeys::Expired(std::string_view backup_id) const {
    return fmt::format("{}backups/{}/expired", base_, backup_id);
}

std::string IncarnationKeys::Intent(std::string_view backup_id) const {
    return fmt::format("{}intents/{}", base_, backup_id);
}

std::string IncarnationKeys::BackupFolder() const { return base_ + "backups/"; }

std::string IncarnationKeys::IntentFolder() const { return base_ + "intents/"; }

std::string IncarnationKeys::ScheduleRun(std::string_view schedule, uint64_t sequence) const {
    return fmt::format("{}{:016}", ScheduleFolder(schedule), sequence);
}

std::string IncarnationKeys::ScheduleFolder(std::string_view schedule) const {
    return fmt::format("{}{}/", SchedulesFolder(), schedule);
}

std::string IncarnationKeys::SchedulesFolder() const { return base_ + "schedules/"; }

}  // namespace agri::repo::layout

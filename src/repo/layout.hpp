// Where everything stands in a repository: the only place that builds object keys. The tree is
// drawn in docs/repository-format.md ("Layout").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/lsn.hpp"

namespace agri::repo::layout {

inline constexpr std::string_view kDescriptor = "agri_backup.repository";

std::string KeySlotFolder();                                       // "keys/"
std::string KeySlotFolder(uint32_t key_version);                   // "keys/00000001/"
std::string KeySlot(uint32_t key_version, std::string_view slot);  // "keys/00000001/<slot>"

std::string ClustersFolder();                              // "clusters/"
std::string ClusterFolder(std::string_view cluster);       // "clusters/<name>/"
std::string IncarnationsFolder(std::string_view cluster);  // "clusters/<name>/incarnations/"
std::string Incarnation(std::string_view cluster, uint32_t number);
// "<major>-<system identifier>", the folder of an incarnation below its cluster's.
std::string IncarnationFolderName(uint32_t major_version, uint64_t system_identifier);
// kInvalidArgument unless 1-63 of [a-z0-9_-] beginning with a letter or digit ("agritech",
// "main-15").
base::Status CheckClusterName(std::string_view cluster);
// The same rule for the names of schedules, which are folders as well.
base::Status CheckScheduleName(std::string_view schedule);
// The value of a zero-padded decimal number of exactly `digits` digits (at most 16), as epochs,
// sequences and key versions are named; nullopt for any other text.
std::optional<uint64_t> ParseNumber(std::string_view name, size_t digits);

// Keys below one incarnation; `base` is "clusters/<name>/<folder>/".
class IncarnationKeys {
   public:
    IncarnationKeys(std::string_view cluster, std::string_view folder);
    const std::string& base() const { return base_; }
    std::string Claim(uint64_t epoch) const;
    std::string ClaimFolder() const;
    std::string Lease(std::string_view name, uint64_t sequence) const;
    std::string LeaseFolder(std::string_view name) const;
    // wal/<timeline>/<segment's log number>/<name>; history files: timelines/<name>.
    std::string Wal(const base::WalFileName& file) const;
    std::string WalFolder() const;
    std::string WalFolder(base::TimelineId timeline) const;
    std::string HistoryFolder() const;
    std::string ChangedBlocks(const base::WalFileName& segment) const;
    std::string Gap(base::TimelineId timeline, base::Lsn from) const;
    std::string GapFolder(base::TimelineId timeline) const;
    std::string TailFolder() const;
    std::string TailBegin(uint64_t epoch) const;
    std::string TailSegmentFolder(uint64_t epoch, std::string_view segment) const;
    std::string TailPiece(uint64_t epoch, std::string_view segment, base::Lsn from,
                          base::Lsn to) const;
    std::string Pack(base::ByteView pack_id) const;  // packs/<first two hex digits>/<id>
    std::string PackFolder() const;
    std::string Manifest(std::string_view backup_id) const;  // backups/<id>/manifest
    std::string Expired(std::string_view backup_id) const;   // backups/<id>/expired
    std::string Intent(std::string_view backup_id) const;    // intents/<id>
    std::string BackupFolder() const;
    std::string IntentFolder() const;
    std::string ScheduleRun(std::string_view schedule, uint64_t sequence) const;
    std::string ScheduleFolder(std::string_view schedule) const;  // schedules/<name>/
    std::string SchedulesFolder() const;

   private:
    std::string base_;
};

}  // namespace agri::repo::layout

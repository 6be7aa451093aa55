// Plausibility of a manifest's header: what a listing shows may be odd, but what a restore
// calculates with (sizes, positions) or creates folders by (roots) must make sense before it is
// used.
#include <bit>
#include <set>

#include "repo/catalog.hpp"
#include "repo/manifest_checks.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

bool IsPowerOfTwoBetween(uint64_t value, uint64_t least, uint64_t most) {
    return std::has_single_bit(value) && value >= least && value <= most;
}

// The ranges that PostgreSQL's configure and initdb accept.
base::Status CheckSizes(const format::ManifestHeader& header) {
    if (!IsPowerOfTwoBetween(header.block_size(), 1u << 10, 32u << 10) ||
        !IsPowerOfTwoBetween(header.wal_block_size(), 1u << 10, 64u << 10) ||
        !IsPowerOfTwoBetween(header.wal_segment_size(), 1u << 20, 1u << 30))
        return MakeError(
            ErrorCode::kCorrupt,
            "impossible sizes: blocks of {}, WAL blocks of {}, WAL segments of {} bytes",
            header.block_size(), header.wal_block_size(), header.wal_segment_size());
    return {};
}

base::Status CheckPositions(const format::ManifestHeader& header) {
    if (header.timeline() == 0 || header.stop_timeline() == 0)
        return MakeError(ErrorCode::kCorrupt,
                         "the timelines of start and stop point are not both set");
    if (header.start_lsn() == 0 || header.start_lsn() > header.stop_lsn())
        return MakeError(ErrorCode::kCorrupt, "impossible start and stop points {} and {}",
                         base::Lsn{header.start_lsn()}.ToString(),
                         base::Lsn{header.stop_lsn()}.ToString());
    return {};
}

base::Status CheckRoots(const format::ManifestHeader& header) {
    std::set<uint32_t> ids;
    size_t data_roots = 0;
    for (const auto& root : header.roots()) {
        if (!ids.insert(root.id()).second)
            return MakeError(ErrorCode::kCorrupt, "file root {} is listed twice", root.id());
        if (root.kind() == format::FileRoot::KIND_UNSPECIFIED ||
            !format::FileRoot::Kind_IsValid(root.kind()))
            return MakeError(ErrorCode::kCorrupt, "file root {} is of an unknown kind", root.id());
        if (!root.path().starts_with('/') || root.path().find('\0') != std::string::npos)
            return MakeError(ErrorCode::kCorrupt, "file root {} has no absolute path", root.id());
        if (root.kind() == format::FileRoot::DATA) ++data_roots;
    }
    if (data_roots != 1)
        return MakeError(ErrorCode::kCorrupt, "it has {} data directories instead of one",
                         data_roots);
    return {};
}

}  // namespace

base::Status CheckManifestHeader(const format::ManifestHeader& header,
                                 const Incarnation& incarnation, std::string_view backup_id) {
    if (header.format_version() > kManifestFormatVersion)
        return MakeError(ErrorCode::kUnsupported,
                         "its format version {} is newer than this program understands ({})",
                         header.format_version(), kManifestFormatVersion)
            .WithHint("Upgrade agri_backup on this machine.");
    if (header.format_version() == 0)
        return MakeError(ErrorCode::kCorrupt, "it has no format version");
    if (header.backup_id() != backup_id || !IsValidBackupId(backup_id))
        return MakeError(ErrorCode::kCorrupt, "it is the manifest of another backup");
    if (header.kind() == format::ManifestHeader::KIND_UNSPECIFIED ||
        !format::ManifestHeader::Kind_IsValid(header.kind()))
        return MakeError(ErrorCode::kCorrupt, "the kind of backup {} is unknown",
                         static_cast<int>(header.kind()));
    if (header.system_identifier() != incarnation.info().system_identifier())
        return MakeError(ErrorCode::kCorrupt, "it belongs to system {}, not to {}",
                         header.system_identifier(), incarnation.info().system_identifier());
    for (const std::string& parent : header.parents())
        if (!IsValidBackupId(parent) || parent == backup_id)
            return MakeError(ErrorCode::kCorrupt, "a parent's name is no backup identifier");
    AGRI_TRY(CheckSizes(header));
    AGRI_TRY(CheckPositions(header));
    return CheckRoots(header);
}

}  // namespace agri::repo

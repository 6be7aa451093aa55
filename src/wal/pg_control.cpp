#include "wal/pg_control.hpp"

#include <bit>

#include "codec/digest.hpp"
#include "wal/checkpoint_layout.hpp"

namespace agri::wal {
namespace {

using base::ByteView;
using base::ErrorCode;
using base::LoadLe;
using base::Lsn;
using base::MakeError;

// Offsets into ControlFileData on 64-bit machines; the same on 15 to 18 up to the checksum version.
// 18 then put default_char_signedness before the nonce, which moved the CRC.
constexpr size_t kVersionOffset = 8;
constexpr size_t kCheckpointCopyOffset = 40;
constexpr size_t kChecksumVersionOffset = 252;

struct Layout {
    uint32_t pg_control_version;
    size_t crc_offset;
};
// PG_CONTROL_VERSION of each release branch's pg_control.h: 1300 for 13 to 16.
constexpr std::array<Layout, 3> kLayouts = {{
    {1300, 288},
    {1700, 288},
    {1800, 292},
}};

// CATALOG_VERSION_NO of src/include/catalog/catversion.h, fixed once a major version is released.
constexpr uint32_t kCatalogVersionOf15 = 202209061;
constexpr uint32_t kCatalogVersionOf16 = 202307071;

constexpr std::string_view kSupportedDetail =
    "Data directories of PostgreSQL 15, 16, 17 and 18 can be read.";

const Layout* FindLayout(uint32_t pg_control_version) {
    for (const Layout& layout : kLayouts)
        if (layout.pg_control_version == pg_control_version) return &layout;
    return nullptr;
}

base::Error UnknownVersion(uint32_t pg_control_version) {
    // A file from a machine of the other byte order has its version number reversed.
    const uint32_t reversed = __builtin_bswap32(pg_control_version);
    if (FindLayout(reversed) != nullptr) {
        return MakeError(ErrorCode::kUnsupported,
                         "pg_control was written on a machine with another byte order");
    }
    return MakeError(ErrorCode::kUnsupported,
                     "pg_control has version {}, which is of no supported PostgreSQL version",
                     pg_control_version)
        .WithDetail(std::string(kSupportedDetail));
}

// 13 and 14 share pg_control version 1300 too, so the catalog version must decide; 0: not
// supported.
int MajorVersion(uint32_t pg_control_version, uint32_t catalog_version) {
    if (pg_control_version != 1300) return static_cast<int>(pg_control_version / 100);
    if (catalog_version >= kCatalogVersionOf16) return 16;
    return catalog_version >= kCatalogVersionOf15 ? 15 : 0;
}

// Loads fields by their offset into the file.
class Fields {
   public:
    explicit Fields(ByteView file) : file_(file) {}
    uint32_t U32(size_t offset) const { return LoadLe<uint32_t>(file_.data() + offset); }
    int32_t I32(size_t offset) const { return static_cast<int32_t>(U32(offset)); }
    uint64_t U64(size_t offset) const { return LoadLe<uint64_t>(file_.data() + offset); }
    Lsn LsnAt(size_t offset) const { return {U64(offset)}; }
    bool Flag(size_t offset) const { return file_[offset] != std::byte{0}; }

   private:
    ByteView file_;
};

void LoadCheckpointCopy(const std::byte* from, ControlFile& control) {
    const CheckpointBody body = LoadCheckpoint(from, control.major_version);
    control.redo = body.redo;
    control.timeline = body.timeline;
    control.previous_timeline = body.previous_timeline;
    control.full_page_writes = body.full_page_writes;
    control.next_full_xid = body.next_full_xid;
    control.next_oid = body.next_oid;
    control.next_multixact = body.next_multixact;
    control.next_multixact_offset = body.next_multixact_offset;
    control.oldest_xid = body.oldest_xid;
    control.oldest_multixact = body.oldest_multixact;
    control.checkpoint_time = body.time;
}

void LoadRecoveryAndParameters(const Fields& fields, ControlFile& control) {
    control.min_recovery_point = fields.LsnAt(136);
    control.min_recovery_timeline = {fields.U32(144)};
    control.backup_start = fields.LsnAt(152);
    control.backup_end = fields.LsnAt(160);
    control.backup_end_required = fields.Flag(168);
    control.wal_level = static_cast<WalLevel>(fields.I32(172));
    control.wal_log_hints = fields.Flag(176);
    control.max_connections = fields.I32(180);
    control.max_worker_processes = fields.I32(184);
    control.max_wal_senders = fields.I32(188);
    control.max_prepared_transactions = fields.I32(192);
    control.max_locks_per_transaction = fields.I32(196);
    control.track_commit_timestamp = fields.Flag(200);
}

void LoadPhysicalLayout(const Fields& fields, ControlFile& control) {
    control.max_align = fields.U32(204);
    control.float_format = std::bit_cast<double>(fields.U64(208));
    control.block_size_bytes = fields.U32(216);
    control.blocks_per_relation_segment = fields.U32(220);
    control.wal_block_size_bytes = fields.U32(224);
    control.wal_segment_size_bytes = fields.U32(228);
    control.name_data_bytes = fields.U32(232);
    control.index_max_keys = fields.U32(236);
    control.data_checksum_version = fields.U32(kChecksumVersionOffset);
}

// A matching CRC says that the server wrote the file; these say that it makes sense to us.
base::Status CheckFields(const ControlFile& control) {
    if (control.system_identifier == 0)
        return MakeError(ErrorCode::kCorrupt, "pg_control has no system identifier");
    if (control.float_format != 1234567.0) {
        return MakeError(ErrorCode::kUnsupported,
                         "pg_control was written on a machine with another floating-point format");
    }
    if (control.max_align != 8) {
        return MakeError(ErrorCode::kUnsupported,
                         "pg_control is of a cluster with an alignment of {} bytes, expected 8",
                         control.max_align);
    }
    const uint32_t segment_size = control.wal_segment_size_bytes;
    if (!std::has_single_bit(segment_size) || segment_size < (1u << 20) ||
        segment_size > (1u << 30)) {
        return MakeError(ErrorCode::kCorrupt, "pg_control states an invalid WAL segment size: {}",
                         segment_size);
    }
    for (uint32_t size : {control.block_size_bytes, control.wal_block_size_bytes}) {
        if (!std::has_single_bit(size) || size < (1u << 10) || size > (1u << 16))
            return MakeError(ErrorCode::kCorrupt, "pg_control states an invalid block size: {}",
                             size);
    }
    if (control.timeline.value == 0)
        return MakeError(ErrorCode::kCorrupt, "pg_control states no timeline");
    if (control.blocks_per_relation_segment == 0)
        return MakeError(ErrorCode::kCorrupt, "pg_control states an invalid relation segment size");
    return {};
}

}  // namespace

std::string_view ClusterStateName(ClusterState state) {
    switch (state) {
        case ClusterState::kStartingUp:
            return "starting up";
        case ClusterState::kShutDown:
            return "shut down";
        case ClusterState::kShutDownInRecovery:
            return "shut down in recovery";
        case ClusterState::kShuttingDown:
            return "shutting down";
        case ClusterState::kInCrashRecovery:
            return "in crash recovery";
        case ClusterState::kInArchiveRecovery:
            return "in archive recovery";
        case ClusterState::kInProduction:
            return "in production";
    }
    return "unrecognized status code";
}

base::Result<ControlFile> ParseControlFile(ByteView file) {
    if (file.size() < kVersionOffset + 4) {
        return MakeError(ErrorCode::kCorrupt, "pg_control is too short: {} bytes, expected {}",
                         file.size(), kControlFileBytes);
    }
    const Fields fields(file);
    const uint32_t version = fields.U32(kVersionOffset);
    const Layout* layout = FindLayout(version);
    if (layout == nullptr) return UnknownVersion(version);
    if (file.size() < layout->crc_offset + 4) {
        return MakeError(ErrorCode::kCorrupt, "pg_control is too short: {} bytes, expected {}",
                         file.size(), kControlFileBytes);
    }
    const uint32_t crc = codec::Crc32c(0, file.first(layout->crc_offset));
    const uint32_t stored_crc = fields.U32(layout->crc_offset);
    if (crc != stored_crc) {
        return MakeError(ErrorCode::kCorrupt,
                         "checksum of pg_control does not match: stored {:08x}, computed {:08x}",
                         stored_crc, crc)
            .WithHint(
                "A control file read while the server writes it can look like this: read it "
                "again.");
    }

    ControlFile control;
    control.system_identifier = fields.U64(0);
    control.pg_control_version = version;
    control.catalog_version = fields.U32(12);
    control.major_version = MajorVersion(version, control.catalog_version);
    if (control.major_version == 0) {
        return MakeError(ErrorCode::kUnsupported,
                         "pg_control has catalog version {}, which is of no supported PostgreSQL "
                         "version",
                         control.catalog_version)
            .WithDetail(std::string(kSupportedDetail));
    }
    control.state = static_cast<ClusterState>(fields.U32(16));
    control.time = FromUnixSeconds(static_cast<int64_t>(fields.U64(24)));
    control.checkpoint = fields.LsnAt(32);
    LoadCheckpointCopy(file.data() + kCheckpointCopyOffset, control);
    LoadRecoveryAndParameters(fields, control);
    LoadPhysicalLayout(fields, control);
    AGRI_TRY(CheckFields(control));
    return control;
}

}  // namespace agri::wal

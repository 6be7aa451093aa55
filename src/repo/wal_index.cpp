// The index is written by one release and read by many later ones, so only what every reader needs
// to be true is checked; the facts read out of the WAL are carried as they are.
#include "repo/wal_index.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

bool HoldsWholeSegment(base::WalFileKind kind) {
    return kind == base::WalFileKind::kSegment || kind == base::WalFileKind::kPartial;
}

// 0 for a history file, which belongs to no address; nothing when the name does not fit the size.
std::optional<uint64_t> StartLsn(const base::WalFileName& file, uint64_t segment_size) {
    if (file.kind == base::WalFileKind::kHistory) return 0;
    const auto segment = base::SegmentId::Parse(file.segment_name, segment_size);
    if (!segment) return std::nullopt;
    return segment->Start(segment_size).value;
}

}  // namespace

format::WalKind ToWalKind(base::WalFileKind kind) {
    switch (kind) {
        case base::WalFileKind::kSegment:
            return format::WAL_SEGMENT;
        case base::WalFileKind::kPartial:
            return format::WAL_PARTIAL;
        case base::WalFileKind::kBackupHistory:
            return format::WAL_BACKUP_HISTORY;
        case base::WalFileKind::kHistory:
            return format::WAL_HISTORY;
    }
    return format::WAL_UNSPECIFIED;
}

base::Status CompleteWalIndex(const base::WalFileName& file, base::ByteView content,
                              uint64_t segment_size, const base::Clock& clock,
                              format::WalIndex& index) {
    const std::optional<uint64_t> start = StartLsn(file, segment_size);
    if (!start)
        return MakeError(ErrorCode::kInvalidArgument,
                         "\"{}\" is no name of a WAL segment of {} bytes", file.name, segment_size);
    if (HoldsWholeSegment(file.kind) && content.size() != segment_size)
        return MakeError(ErrorCode::kInvalidArgument, "WAL file \"{}\" has {} bytes instead of {}",
                         file.name, content.size(), segment_size)
            .WithHint("It was cut or is still being written; nothing was archived.");
    if (content.size() > kMaxWalFileBytes)
        return MakeError(ErrorCode::kInvalidArgument,
                         "\"{}\" is too long for a WAL file ({} bytes)", file.name, content.size());
    if (index.ByteSizeLong() > kMaxWalFactsBytes) {
        index.clear_restore_points();
        index.clear_timeline_switches();
        index.clear_tail_fragment();
        if (index.scan_problem().empty()) index.set_scan_problem(std::string(kTooManyFacts));
    }
    index.set_kind(ToWalKind(file.kind));
    index.set_name(file.name);
    index.set_timeline(file.timeline.value);
    index.set_start_lsn(*start);
    index.set_plain_length(content.size());
    const codec::Sha256Digest digest = codec::Sha256(content);
    index.set_sha256(digest.data(), digest.size());
    index.set_archived_us(clock.Now().time_since_epoch().count());
    return {};
}

base::Result<format::WalIndex> ParseWalIndex(base::ByteView plain, const base::WalFileName& file,
                                             uint64_t segment_size) {
    format::WalIndex index;
    if (!index.ParseFromArray(plain.data(), static_cast<int>(plain.size())))
        return MakeError(ErrorCode::kCorrupt, "its first frame is not a WalIndex message");
    if (index.name() != file.name)
        return MakeError(ErrorCode::kCorrupt, "it holds another WAL file than its name says");
    if (index.kind() != ToWalKind(file.kind) || index.timeline() != file.timeline.value ||
        StartLsn(file, segment_size) != index.start_lsn())
        return MakeError(ErrorCode::kCorrupt, "its index contradicts the name of the WAL file");
    if (index.sha256().size() != codec::Sha256Digest{}.size())
        return MakeError(ErrorCode::kCorrupt, "its index holds no digest");
    const uint64_t length = index.plain_length();
    if (HoldsWholeSegment(file.kind) ? length != segment_size : length > kMaxWalFileBytes)
        return MakeError(ErrorCode::kCorrupt, "its index claims a file of {} bytes", length);
    return index;
}

}  // namespace agri::repo

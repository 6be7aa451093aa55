// Epochs are folders whose numbers only grow; what is in one is believed when its claim is on
// record, its names fit, and each piece has the length and digest that it says.
#include "repo/wal_tail.hpp"

#include <algorithm>
#include <set>

#include "codec/digest.hpp"
#include "repo/claim.hpp"
#include "repo/record.hpp"
#include "repo/wal_archive.hpp"

namespace agri::repo {

using base::ByteView;
using base::ErrorCode;
using base::MakeError;

namespace {

constexpr size_t kTailFrameBytes = 1u << 20;
constexpr int kEpochAttempts = 16;

struct PieceName {
    base::Lsn from, to;
};

std::optional<base::Lsn> ParseTailLsn(std::string_view hex) {
    std::array<std::byte, 8> bytes;
    if (hex.size() != 16 || !base::FromHex(hex, bytes)) return std::nullopt;
    return base::Lsn{__builtin_bswap64(base::LoadLe<uint64_t>(bytes.data()))};
}

std::optional<PieceName> ParsePieceName(std::string_view name) {
    const size_t dash = name.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto from = ParseTailLsn(name.substr(0, dash));
    const auto to = ParseTailLsn(name.substr(dash + 1));
    if (!from || !to || !(*from < *to)) return std::nullopt;
    return PieceName{*from, *to};
}

// Appends a piece to what precedes it.
base::Status ReadPiece(const Incarnation& incarnation, const std::string& key,
                       const PieceName& name, TailPart& part) {
    Repository& repository = incarnation.repository();
    AGRI_ASSIGN(SealedReader reader,
                SealedReader::Open(repository.storage(), repository, ObjectKind::kTail, key));
    AGRI_ASSIGN(const std::optional<ByteView> first, reader.Next());
    format::TailPiece piece;
    if (!first || !piece.ParseFromArray(first->data(), static_cast<int>(first->size())))
        return DamagedObject(key, "its first frame is not a TailPiece message");
    if (piece.from_lsn() != name.from.value || piece.to_lsn() != name.to.value ||
        piece.epoch() != part.epoch ||
        piece.segment() != part.segment.FileName(incarnation.info().wal_segment_size()))
        return DamagedObject(key, "it holds another piece of WAL than its name says");
    if (piece.system_identifier() != incarnation.info().system_identifier())
        return DamagedObject(key, "it belongs to another cluster");
    const uint64_t length = name.to.value - name.from.value;
    const size_t begin = part.content.size();
    while (true) {
        AGRI_ASSIGN(const std::optional<ByteView> frame, reader.Next());
        if (!frame) break;
        if (part.content.size() - begin + frame->size() > length)
            return DamagedObject(key, "it is longer than its name says");
        part.content.insert(part.content.end(), frame->begin(), frame->end());
    }
    const ByteView content = ByteView(part.content).subspan(begin);
    const codec::Sha256Digest digest = codec::Sha256(content);
    if (content.size() != length || base::AsText(digest) != piece.sha256())
        return DamagedObject(key, "its content has another length or SHA-256 than it says");
    part.host = piece.host();
    part.shipped_us = piece.shipped_us();
    part.keys.push_back(key);
    return {};
}

bool HaveSameBeginning(ByteView one, ByteView other) {
    const size_t common = std::min(one.size(), other.size());
    return std::equal(one.begin(), one.begin() + static_cast<ptrdiff_t>(common), other.begin());
}

base::Error OtherTail(const std::string& name, const TailPart& there,
                      const WalTail::Shipment& ours) {
    const base::WallTime shipped{std::chrono::microseconds(there.shipped_us)};
    return MakeError(ErrorCode::kConflict,
                     "of unfinished WAL segment \"{}\" other content is already saved", name)
        .WithDetail(fmt::format(
            "In the repository: {} bytes, host \"{}\", {}. To be saved: {} bytes, host \"{}\". "
            "Nothing was overwritten.",
            there.content.size(), there.host, base::FormatTime(shipped), ours.content.size(),
            ours.host))
        .WithHint(
            "Two servers wrote this segment: one is a copy or was restored. Save a copy's WAL "
            "under a cluster name of its own.");
}

}  // namespace

base::Result<storage::PutOutcome> WalTail::Ship(const Shipment& shipment,
                                                const base::Clock& clock) const {
    const std::string name = shipment.segment.FileName(SegmentSize());
    if (shipment.content.empty() || shipment.content.size() > SegmentSize())
        return MakeError(ErrorCode::kInvalidArgument, "there is no WAL to save of segment \"{}\"",
                         name);
    auto there = Read(shipment.segment);
    // What cannot be read any more is superseded by what can.
    if (!there && there.error().code != ErrorCode::kCorrupt) return std::move(there).error();
    if (there && *there) {
        const bool is_same = HaveSameBeginning((*there)->content, shipment.content);
        if (!is_same && !shipment.supersedes) return OtherTail(name, **there, shipment);
        if (is_same && shipment.content.size() <= (*there)->content.size()) {
            AGRI_TRY(MakeDurable(**there));
            return storage::PutOutcome::kExists;
        }
    }
    AGRI_ASSIGN(const uint64_t epoch, BeginEpoch(shipment, clock));
    AGRI_ASSIGN(const storage::PutOutcome outcome, PutPiece(shipment, epoch, clock));
    AGRI_TRY(RemoveArchived(epoch));
    return outcome;
}

base::Result<uint64_t> WalTail::BeginEpoch(const Shipment& shipment,
                                           const base::Clock& clock) const {
    AGRI_ASSIGN(const auto current, CurrentClaim(*incarnation_));
    if (current && current->epoch() != shipment.writer_epoch)
        return MakeError(ErrorCode::kConflict,
                         "another server has become the one that writes for cluster \"{}\"",
                         incarnation_->cluster());
    format::WriterClaim claim = current.value_or(format::WriterClaim());
    if (!current) claim.set_created_us(clock.Now().time_since_epoch().count());
    Repository& repository = incarnation_->repository();
    for (int attempt = 0; attempt < kEpochAttempts; ++attempt) {
        AGRI_ASSIGN(
            const auto epochs,
            ListNumbers(repository.storage(), incarnation_->keys().TailFolder(), kSequenceDigits));
        const uint64_t next = epochs.empty() ? 1 : epochs.back() + 1;
        AGRI_ASSIGN(const storage::PutOutcome outcome,
                    PutMessage(repository, incarnation_->keys().TailBegin(next), claim));
        if (outcome == storage::PutOutcome::kCreated) return next;
    }
    return MakeError(ErrorCode::kUnavailable, "too many processes save unfinished WAL at once");
}

base::Result<storage::PutOutcome> WalTail::PutPiece(const Shipment& shipment, uint64_t epoch,
                                                    const base::Clock& clock) const {
    const std::string name = shipment.segment.FileName(SegmentSize());
    const base::Lsn from = shipment.segment.Start(SegmentSize());
    const base::Lsn to{from.value + shipment.content.size()};
    const codec::Sha256Digest digest = codec::Sha256(shipment.content);
    format::TailPiece piece;
    piece.set_segment(name);
    piece.set_system_identifier(incarnation_->info().system_identifier());
    piece.set_timeline(shipment.segment.timeline.value);
    piece.set_epoch(epoch);
    piece.set_from_lsn(from.value);
    piece.set_to_lsn(to.value);
    piece.set_sha256(digest.data(), digest.size());
    piece.set_shipped_us(clock.Now().time_since_epoch().count());
    piece.set_host(shipment.host);
    Repository& repository = incarnation_->repository();
    AGRI_ASSIGN(SealedWriter writer,
                SealedWriter::Create(repository.storage(), repository, ObjectKind::kTail,
                                     incarnation_->keys().TailPiece(epoch, name, from, to),
                                     shipment.compression_level));
    AGRI_TRY(writer.AppendFrame(base::AsBytes(piece.SerializeAsString())));
    ByteView content = shipment.content;
    while (content.size() > kTailFrameBytes) {
        AGRI_TRY(writer.AppendFrame(content.first(kTailFrameBytes)));
        content = content.subspan(kTailFrameBytes);
    }
    return writer.Finish(content);
}

// Whoever shipped it may have died before it was durable.
base::Status WalTail::MakeDurable(const TailPart& part) const {
    storage::Storage& storage = incarnation_->repository().storage();
    AGRI_TRY(storage.EnsureDurable(incarnation_->keys().TailBegin(part.epoch)));
    for (const std::string& key : part.keys) AGRI_TRY(storage.EnsureDurable(key));
    return {};
}

// A claim is an ancestor of the one in force when it stands in the lineage, of which nothing is
// ever removed.
base::Result<bool> WalTail::IsClaimOnRecord(uint64_t epoch) const {
    const Repository& repository = incarnation_->repository();
    auto begin = GetMessage<format::WriterClaim>(repository, incarnation_->keys().TailBegin(epoch));
    if (!begin && begin.error().code == ErrorCode::kNotFound) return false;
    if (!begin) return std::move(begin).error();
    if (begin->epoch() == 0) return true;
    auto claim =
        GetMessage<format::WriterClaim>(repository, incarnation_->keys().Claim(begin->epoch()));
    if (!claim && claim.error().code == ErrorCode::kNotFound) return false;
    if (!claim) return std::move(claim).error();
    return claim->claim_id() == begin->claim_id();
}

base::Result<std::optional<TailPart>> WalTail::ReadEpoch(uint64_t epoch,
                                                         base::SegmentId segment) const {
    const std::string folder =
        incarnation_->keys().TailSegmentFolder(epoch, segment.FileName(SegmentSize()));
    AGRI_ASSIGN(const std::vector<std::string> names,
                incarnation_->repository().storage().Children(folder));
    if (names.empty()) return std::nullopt;
    AGRI_ASSIGN(const bool counts, IsClaimOnRecord(epoch));
    if (!counts) return std::nullopt;
    TailPart part{.segment = segment, .epoch = epoch};
    const base::Lsn start = segment.Start(SegmentSize()), end = segment.End(SegmentSize());
    for (const std::string& name : names) {  // by their beginning
        const auto piece = ParsePieceName(name);
        if (!piece || piece->from.value != start.value + part.content.size() || piece->to > end)
            continue;
        AGRI_TRY(ReadPiece(*incarnation_, folder + name, *piece, part));
    }
    if (part.content.empty()) return std::nullopt;
    return part;
}

base::Result<std::optional<TailPart>> WalTail::Read(base::SegmentId segment) const {
    AGRI_ASSIGN(const auto epochs, ListNumbers(incarnation_->repository().storage(),
                                               incarnation_->keys().TailFolder(), kSequenceDigits));
    for (auto epoch = epochs.rbegin(); epoch != epochs.rend(); ++epoch) {
        AGRI_ASSIGN(std::optional<TailPart> part, ReadEpoch(*epoch, segment));
        if (part) return part;
    }
    return std::nullopt;
}

base::Result<std::vector<base::SegmentId>> WalTail::Segments() const {
    std::set<base::SegmentId> found;
    AGRI_TRY(incarnation_->repository().storage().List(
        incarnation_->keys().TailFolder(), [&](const storage::ObjectInfo& object) -> base::Status {
            std::string_view folder = std::string_view(object.key).substr(0, object.key.rfind('/'));
            folder.remove_prefix(folder.rfind('/') + 1);
            if (auto segment = base::SegmentId::Parse(folder, SegmentSize()))
                found.insert(*segment);
            return {};
        }));
    return std::vector<base::SegmentId>(found.begin(), found.end());
}

// What earlier epochs shipped of segments that are archived whole by now.
base::Status WalTail::RemoveArchived(uint64_t below_epoch) const {
    storage::Storage& storage = incarnation_->repository().storage();
    const layout::IncarnationKeys& keys = incarnation_->keys();
    const WalArchive archive(*incarnation_);
    AGRI_ASSIGN(const auto epochs, ListNumbers(storage, keys.TailFolder(), kSequenceDigits));
    for (uint64_t epoch : epochs) {
        if (epoch >= below_epoch) break;
        std::vector<std::string> pieces;
        bool all_archived = true;
        AGRI_TRY(storage.List(fmt::format("{}{:016}/", keys.TailFolder(), epoch),
                              [&](const storage::ObjectInfo& object) -> base::Status {
                                  if (object.key == keys.TailBegin(epoch)) return {};
                                  std::string_view folder =
                                      std::string_view(object.key).substr(0, object.key.rfind('/'));
                                  folder.remove_prefix(folder.rfind('/') + 1);
                                  const auto file = base::WalFileName::Parse(folder);
                                  if (!file || file->kind != base::WalFileKind::kSegment) return {};
                                  AGRI_ASSIGN(const bool archived, archive.Exists(*file));
                                  all_archived &= archived;
                                  if (archived) pieces.push_back(object.key);
                                  return {};
                              }));
        for (const std::string& piece : pieces) AGRI_TRY(storage.Remove(piece));
        if (all_archived) AGRI_TRY(storage.Remove(keys.TailBegin(epoch)));
    }
    return {};
}

}  // namespace agri::repo

#include "engine/wal_push.hpp"

#include <fcntl.h>

#include "base/file.hpp"
#include "engine/byte_budget.hpp"
#include "engine/segment_chain.hpp"
#include "engine/unfinished_wal.hpp"
#include "engine/wal_index_facts.hpp"
#include "repo/machine.hpp"
#include "wal/history_file.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::SegmentId;
using base::Status;
using base::WalFileKind;
using base::WalFileName;

namespace {

constexpr uint64_t kMaxBackupHistoryBytes = 64u << 10;

std::string FolderOf(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

base::Error NotWal(const std::string& path, std::string_view why) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is not a WAL file: {}", path, why)
        .WithHint("It was not archived.");
}

}  // namespace

struct PartialFile {
    SegmentId segment;
    const WalFileName& file;
    base::ByteView content;
};

struct WalPusher::State {
    State(const repo::Incarnation& of, uint64_t epoch)
        : incarnation(of),
          writer_epoch(epoch),
          archive(of),
          chain(archive, of.info().wal_segment_size()),
          host(repo::HostName()) {}

    Result<WalPushResult> Push(const std::string& path, const WalFileName& file,
                               const Context& context);
    Result<WalPushResult> PushSegment(const std::string& path, const WalFileName& file,
                                      const Context& context);
    Result<WalPushResult> PushSmallFile(const std::string& path, const WalFileName& file,
                                        const Context& context);
    Result<base::Bytes> ReadSegment(const std::string& path) const;
    Status CheckSegment(base::ByteView content, const std::string& path, SegmentId segment) const;
    Status Scan(base::ByteView content, const std::string& path, const WalFileName& file,
                const Context& context, repo::format::WalIndex& index);
    Result<wal::SegmentCarry> CarryBefore(const wal::SegmentScan& scan, SegmentId segment,
                                          const std::string& path, const Context& context);
    Result<WalPushResult> SettlePartial(const PartialFile& ours, base::Error conflict,
                                        const Context& context);
    Result<UnfinishedPush> Ship(SegmentId segment, base::ByteView content, bool supersedes,
                                const Context& context) const;
    Result<WalPushResult> Put(repo::format::WalIndex index, base::ByteView content,
                              const Context& context);

    const repo::Incarnation& incarnation;
    const uint64_t writer_epoch;
    repo::WalArchive archive;
    SegmentChain chain;
    const std::string host;
    ByteBudget budget;
};

WalPusher::WalPusher(const repo::Incarnation& incarnation, uint64_t writer_epoch)
    : state_(std::make_unique<State>(incarnation, writer_epoch)) {}
WalPusher::~WalPusher() = default;

const repo::Incarnation& WalPusher::incarnation() const { return state_->incarnation; }

Result<WalPushResult> WalPusher::Push(const std::string& path, const Context& context) {
    const std::optional<WalFileName> file = WalFileName::Parse(NameOf(path));
    if (!file) return NotWal(path, "it has not the name of one");
    return state_->Push(path, *file, context);
}

Result<UnfinishedPush> WalPusher::PushUnfinished(const std::string& path, bool supersedes,
                                                 const Context& context) {
    const uint64_t size = state_->incarnation.info().wal_segment_size();
    const std::optional<SegmentId> segment = SegmentId::Parse(NameOf(path), size);
    if (!segment) return NotWal(path, "it has not the name of a segment");
    AGRI_ASSIGN(ByteBudget::Hold hold,
                state_->budget.Take(size, std::max(context.settings.memory_limit_bytes, size),
                                    context.cancel));
    AGRI_ASSIGN(const base::Bytes content, state_->ReadSegment(path));
    AGRI_TRY(state_->CheckSegment(content, path, *segment));
    return state_->Ship(*segment, content, supersedes, context);
}

Result<UnfinishedPush> WalPusher::State::Ship(SegmentId segment, base::ByteView content,
                                              bool supersedes, const Context& context) const {
    const base::Lsn start = segment.Start(incarnation.info().wal_segment_size());
    AGRI_ASSIGN(const size_t length, LengthOfWal(content, start.value));
    UnfinishedPush pushed{storage::PutOutcome::kExists, base::Lsn{start.value + length}};
    if (length == 0) return pushed;
    AGRI_ASSIGN(pushed.outcome, repo::WalTail(incarnation)
                                    .Ship({segment, content.first(length), writer_epoch, host,
                                           supersedes, context.settings.compression_level},
                                          context.clock));
    return pushed;
}

Result<WalPushResult> WalPusher::State::Push(const std::string& path, const WalFileName& file,
                                             const Context& context) {
    AGRI_TRY(context.cancel.Check());
    if (file.kind == WalFileKind::kSegment || file.kind == WalFileKind::kPartial)
        return PushSegment(path, file, context);
    return PushSmallFile(path, file, context);
}

Result<base::Bytes> WalPusher::State::ReadSegment(const std::string& path) const {
    const uint64_t size = incarnation.info().wal_segment_size();
    AGRI_ASSIGN(base::Fd fd, base::OpenFile(path, O_RDONLY));
    struct stat info;
    if (fstat(fd.get(), &info) != 0)
        return base::ErrnoError(errno, fmt::format("could not stat file \"{}\"", path));
    if (!S_ISREG(info.st_mode)) return NotWal(path, "it is not a regular file");
    if (static_cast<uint64_t>(info.st_size) != size || size > wal::kMaxSegmentBytes)
        return NotWal(path, fmt::format("it has {} bytes, but the cluster's segments have {}",
                                        info.st_size, size));
    base::Bytes content(size);
    AGRI_ASSIGN(size_t length, base::ReadAt(fd.get(), 0, content, path));
    if (length != size)
        return NotWal(path, fmt::format("it was cut to {} bytes while it was read", length));
    return content;
}

Status WalPusher::State::CheckSegment(base::ByteView content, const std::string& path,
                                      SegmentId segment) const {
    auto header = wal::ReadSegmentHeader(content);
    if (!header) return std::move(header).error().In(fmt::format("WAL file \"{}\"", path));
    const repo::format::Incarnation& known = incarnation.info();
    Status fits = wal::CheckSegmentIdentity(
        *header, {known.system_identifier(), segment, known.wal_segment_size()});
    if (!fits) {
        base::Error error = std::move(fits).error().In(fmt::format("WAL file \"{}\"", path));
        if (error.hint.empty())
            error.hint = fmt::format(
                "It was not archived. Cluster \"{}\" in this repository is system {}; another "
                "server needs another cluster name.",
                incarnation.cluster(), known.system_identifier());
        return error;
    }
    if (static_cast<uint32_t>(header->major_version) != known.major_version())
        return MakeError(ErrorCode::kConflict,
                         "WAL file \"{}\" is of PostgreSQL {}, but cluster \"{}\" is {}", path,
                         header->major_version, incarnation.cluster(), known.major_version());
    return {};
}

Result<WalPushResult> WalPusher::State::PushSegment(const std::string& path,
                                                    const WalFileName& file,
                                                    const Context& context) {
    const uint64_t size = incarnation.info().wal_segment_size();
    const std::optional<SegmentId> segment = SegmentId::Parse(file.segment_name, size);
    if (!segment) return NotWal(path, fmt::format("no segment of {} bytes has that name", size));
    // One more segment may be in memory while a predecessor's file is looked at.
    const uint64_t limit = std::max(context.settings.memory_limit_bytes, size) - size;
    AGRI_ASSIGN(ByteBudget::Hold hold, budget.Take(size, limit, context.cancel));
    AGRI_ASSIGN(base::Bytes content, ReadSegment(path));
    AGRI_TRY(CheckSegment(content, path, *segment));
    repo::format::WalIndex index;
    AGRI_TRY(Scan(content, path, file, context, index));
    index.set_name(file.name);
    if (!index.scan_problem().empty())
        context.log->warn("WAL segment \"{}\" is archived, but {}", file.name,
                          index.scan_problem());
    auto put = Put(std::move(index), content, context);
    if (put || file.kind != WalFileKind::kPartial || put.error().code != ErrorCode::kConflict)
        return put;
    return SettlePartial({*segment, file, content}, std::move(put).error(), context);
}

// Promotions from one timeline at different points each leave its last segment, with anything
// behind its last record. The same WAL as far as both go is no conflict: what reaches further is
// saved in the tail.
Result<WalPushResult> WalPusher::State::SettlePartial(const PartialFile& ours, base::Error conflict,
                                                      const Context& context) {
    base::Bytes there;
    AGRI_ASSIGN(repo::format::WalIndex index,
                archive.Read(ours.file, [&](base::ByteView part) -> Status {
                    there.insert(there.end(), part.begin(), part.end());
                    return {};
                }));
    const uint64_t start = ours.segment.Start(incarnation.info().wal_segment_size()).value;
    AGRI_ASSIGN(const size_t length_there, LengthOfWal(there, start));
    AGRI_ASSIGN(const size_t length, LengthOfWal(ours.content, start));
    const auto common = static_cast<ptrdiff_t>(std::min(length, length_there));
    if (!std::equal(there.begin(), there.begin() + common, ours.content.begin())) return conflict;
    if (length > length_there) AGRI_TRY(Ship(ours.segment, ours.content, false, context));
    return WalPushResult{storage::PutOutcome::kExists, 0, std::move(index)};
}

Status WalPusher::State::Scan(base::ByteView content, const std::string& path,
                              const WalFileName& file, const Context& context,
                              repo::format::WalIndex& index) {
    const SegmentId segment =
        *SegmentId::Parse(file.segment_name, incarnation.info().wal_segment_size());
    std::optional<SegmentChain::Announcement> announcement;
    if (file.kind == WalFileKind::kSegment) announcement.emplace(chain, segment);
    AGRI_ASSIGN(wal::SegmentScan scan, wal::ScanSegment(content));
    AGRI_ASSIGN(wal::SegmentCarry carry, CarryBefore(scan, segment, path, context));
    const base::Lsn first_record = scan.facts.first_record;
    const wal::StitchResult stitched = wal::Stitch(carry, scan);
    if (announcement && KnowsItsEnd(scan, stitched)) announcement->Publish(carry);
    SetWalFacts({scan, stitched, carry, first_record, file.kind}, index);
    return {};
}

// What the predecessor left open; nothing known when no record ends in the segment's head.
Result<wal::SegmentCarry> WalPusher::State::CarryBefore(const wal::SegmentScan& scan,
                                                        SegmentId segment, const std::string& path,
                                                        const Context& context) {
    if (scan.head.state != wal::HeadState::kWhole && scan.head.state != wal::HeadState::kContinues)
        return wal::SegmentCarry();
    for (SegmentId before : PredecessorsOf(segment, scan.header)) {
        AGRI_ASSIGN(auto carry, chain.CarryOf({before, FolderOf(path), context.cancel}));
        if (carry) return std::move(*carry);
    }
    return wal::SegmentCarry();
}

Result<WalPushResult> WalPusher::State::PushSmallFile(const std::string& path,
                                                      const WalFileName& file,
                                                      const Context& context) {
    const bool is_history = file.kind == WalFileKind::kHistory;
    AGRI_ASSIGN(
        base::Bytes content,
        base::ReadWholeFile(path, is_history ? wal::kMaxHistoryBytes : kMaxBackupHistoryBytes));
    const std::string_view text = base::AsText(content);
    if (is_history) {
        auto history = wal::TimelineHistory::Parse(file.timeline, text);
        if (!history) return std::move(history).error().In(fmt::format("WAL file \"{}\"", path));
    } else if (!text.starts_with("START WAL LOCATION: ")) {
        return NotWal(path, "a backup history file begins with its start location");
    }
    repo::format::WalIndex index;
    index.set_name(file.name);
    return Put(std::move(index), content, context);
}

Result<WalPushResult> WalPusher::State::Put(repo::format::WalIndex index, base::ByteView content,
                                            const Context& context) {
    index.set_writer_epoch(writer_epoch);
    index.set_host(host);
    AGRI_TRY(context.cancel.Check());
    AGRI_ASSIGN(repo::WalPut put, archive.Put(std::move(index), content,
                                              context.settings.compression_level, context.clock));
    return WalPushResult{put.outcome, put.stored_bytes, std::move(put.index)};
}

}  // namespace agri::engine

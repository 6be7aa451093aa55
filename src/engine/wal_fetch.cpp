// One request of restore_command. "Not there" is said only when it is certain: PostgreSQL takes it
// for the end of WAL and would end recovery early.
#include "engine/wal_fetch.hpp"

#include <algorithm>

#include "engine/unfinished_wal.hpp"
#include "engine/wal_prefetch.hpp"
#include "engine/wal_spool.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;

namespace {

constexpr uint32_t kMaxPrefetchSegments = 64;
constexpr uint32_t kMaxPrefetchThreads = 4;

// The segment of a request that the spool may serve.
std::optional<base::SegmentId> SpooledSegment(const base::WalFileName& file,
                                              uint64_t segment_size) {
    if (file.kind != base::WalFileKind::kSegment) return std::nullopt;
    return base::SegmentId::Parse(file.segment_name, segment_size);
}

// A missing segment with later ones behind it is a hole, not the archive's end: recovery is about
// to end before what is there. It can also be one that is archived this very moment.
void WarnOfHole(const repo::WalArchive& archive, const repo::Incarnation& incarnation,
                const base::WalFileName& file, const Context& context) {
    const uint64_t segment_size = incarnation.info().wal_segment_size();
    auto segment = SpooledSegment(file, segment_size);
    if (!segment) return;
    const std::string name =
        base::SegmentId{segment->timeline, segment->number + 1}.FileName(segment_size);
    auto later = archive.Exists({base::WalFileKind::kSegment, name, segment->timeline, name});
    if (later && *later)
        context.log->warn("WAL segment {} is not in the archive, although the next one is",
                          file.name);
}

// The end of WAL, when its server stopped inside a segment.
Result<bool> FetchUnfinished(const repo::Incarnation& incarnation, base::SegmentId segment,
                             const std::string& destination, const Context& context) {
    AGRI_ASSIGN(const auto unfinished, UnfinishedWal(incarnation).Read(segment));
    if (!unfinished) return false;
    AGRI_TRY(StoreFile(unfinished->content, destination));
    context.log->info("WAL segment {} was not filled: what is known of it ends at {}",
                      segment.FileName(incarnation.info().wal_segment_size()),
                      unfinished->end.ToString());
    return true;
}

}  // namespace

Result<WalFetchOutcome> FetchWal(const repo::Incarnation& incarnation,
                                 const WalFetchRequest& request, const Context& context) {
    auto file = base::WalFileName::Parse(request.name);
    if (!file)
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is not the name of a WAL file",
                         request.name);
    const repo::WalArchive archive(incarnation);
    auto segment = SpooledSegment(*file, incarnation.info().wal_segment_size());
    std::optional<WalSpool> spool;
    if (!request.spool_folder.empty() && request.prefetch > 0)
        spool = WalSpool::Open(request.spool_folder, incarnation);
    // History files are asked for when recovery begins and ends: what is spooled then is left over.
    if (spool && !segment) spool->Clear();
    if (!(spool && segment && spool->Take(*segment, request.destination))) {
        auto fetched = FetchToFile(archive, *file, request.destination);
        if (!fetched && fetched.error().code == ErrorCode::kNotFound && segment &&
            request.may_be_unfinished) {
            AGRI_ASSIGN(const bool is_there,
                        FetchUnfinished(incarnation, *segment, request.destination, context));
            if (is_there) return WalFetchOutcome::kFetched;
        }
        if (!fetched && fetched.error().code == ErrorCode::kNotFound) {
            WarnOfHole(archive, incarnation, *file, context);
            return WalFetchOutcome::kAbsent;
        }
        if (!fetched) return std::move(fetched).error();
    }
    if (spool && segment) {
        const uint32_t ahead = std::min(request.prefetch, kMaxPrefetchSegments);
        spool->Trim(*segment, ahead);
        StartPrefetch(
            archive, *spool,
            {*segment, ahead, std::min(context.settings.EffectiveParallel(), kMaxPrefetchThreads)});
    }
    return WalFetchOutcome::kFetched;
}

}  // namespace agri::engine

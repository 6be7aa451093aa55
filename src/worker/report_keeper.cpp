// With files archived in parallel a later segment can be durable before an earlier one: what merely
// waits here must not be shown as missing.
#include "worker/report_keeper.hpp"

#include <unistd.h>

#include "worker/runtime_folder.hpp"

namespace agri::worker {

using base::Result;
using base::Status;
using nlohmann::json;

namespace {

constexpr uint64_t kMostSegmentsLookedAt = 1024;
// A description that takes a second is made at most every twenty.
constexpr int kLargestShare = 20;

// Whether every segment of a missing range waits in this server's archive_status.
bool IsOnlyWaiting(const json& range, uint64_t segment_size) {
    const auto from = base::Lsn::Parse(range["from_lsn"].get<std::string>());
    const auto to = base::Lsn::Parse(range["to_lsn"].get<std::string>());
    const base::TimelineId timeline{range["timeline"].get<uint32_t>()};
    if (!from || !to || (to->value - from->value) / segment_size > kMostSegmentsLookedAt)
        return false;
    for (uint64_t at = from->value; at < to->value; at += segment_size) {
        const auto segment = base::SegmentId::Of(timeline, base::Lsn{at}, segment_size);
        const std::string ready =
            fmt::format("{}/{}.ready", kReadyFolder, segment.FileName(segment_size));
        if (access(ready.c_str(), F_OK) != 0) return false;
    }
    return true;
}

void DropWaiting(json& document, uint64_t segment_size) {
    json kept = json::array();
    for (json& range : document["wal_archive"])
        if (range["status"] != "missing" || !IsOnlyWaiting(range, segment_size))
            kept.push_back(std::move(range));
    document["wal_archive"] = std::move(kept);
}

}  // namespace

Status WriteRepositoryState(json document, uint64_t segment_size) {
    DropWaiting(document, segment_size);
    return WriteState(kRepositoryState, document);
}

void ReportKeeper::StartIfDue(const std::shared_ptr<ArchiveTarget>& target) {
    if (is_running_ || !target) return;
    if (!is_requested_ && (!is_changed_ || environment_.clock.Monotonic() < next_)) return;
    is_running_ = true;
    is_requested_ = is_changed_ = false;
    pool_.Run([this, target] {
        const auto start = environment_.clock.Monotonic();
        Status status;
        try {
            Result<json> document = target->Describe();
            status = document ? WriteRepositoryState(std::move(*document), target->segment_size())
                              : Status(std::move(document).error());
        } catch (const std::bad_alloc&) {
            ExitOutOfMemory(*environment_.log);
        } catch (const std::exception& error) {
            status = base::Error(base::ErrorCode::kInternal, error.what());
        }
        const auto took = environment_.clock.Monotonic() - start;
        mailbox_.Post([this, status, took] { Finish(status, took); });
    });
}

void ReportKeeper::Finish(const Status& status, base::MonotonicTime::duration took) {
    is_running_ = false;
    next_ = environment_.clock.Monotonic() +
            std::max<base::MonotonicTime::duration>(pause_, took * kLargestShare);
    if (!status) is_changed_ = true;
    done_(status);
}

base::MonotonicTime ReportKeeper::NextStart() const {
    if (is_running_ || !(is_changed_ || is_requested_)) return base::MonotonicTime::max();
    return is_requested_ ? base::MonotonicTime{} : next_;
}

}  // namespace agri::worker

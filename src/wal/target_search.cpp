#include "wal/target_search.hpp"

namespace agri::wal {

void XidFinder::Visit(const Record& record) {
    if (found_) return;
    const std::optional<TransactionEnd> end = ReadTransactionEnd(record);
    if (end && end->xid == xid_) found_ = end;
}

void TimeFinder::Visit(const Record& record) {
    if (stop_) return;
    const std::optional<TransactionEnd> end = ReadTransactionEnd(record);
    if (!end) return;
    const bool is_beyond =
        inclusion_ == TargetInclusion::kInclusive ? end->time > target_ : end->time >= target_;
    if (is_beyond)
        stop_ = end;
    else if (end->outcome == TransactionOutcome::kCommitted)
        last_commit_ = end;
}

}  // namespace agri::wal

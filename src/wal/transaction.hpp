// Commit and abort records (xl_xact_commit and relatives, PostgreSQL's src/include/access/xact.h):
// when a transaction ended, which one, and which relations its end drops.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "wal/record.hpp"

namespace agri::wal {

enum class TransactionOutcome { kCommitted, kAborted };

// The end of a transaction, as recovery targets see it.
struct TransactionEnd {
    base::Lsn start;
    base::Lsn end;
    // Top-level xid: the record's own, or the prepared transaction's for COMMIT/ROLLBACK PREPARED.
    uint32_t xid = 0;
    TransactionOutcome outcome = TransactionOutcome::kCommitted;
    base::WallTime time;
};

// The transaction end that `record` states; nullopt when it is another kind of record or malformed.
std::optional<TransactionEnd> ReadTransactionEnd(const Record& record);

// The relations whose files the end of this transaction removes, all forks; empty for other
// records. kCorrupt when the record's lists do not fit into it.
base::Result<std::vector<RelationFile>> ReadDroppedRelations(const Record& record);

// Whether the header is that of a commit or abort record (prepared or not).
bool IsTransactionEnd(const RecordHeader& header);

// TimestampTz (microseconds since 2000-01-01 UTC, src/include/datatype/timestamp.h) to wall time;
// values out of range saturate.
base::WallTime FromPostgresTime(int64_t timestamp);
int64_t ToPostgresTime(base::WallTime time);

}  // namespace agri::wal

#include "wal/transaction.hpp"

#include <limits>

#include "wal/record_kinds.hpp"

namespace agri::wal {
namespace {

using base::ByteView;
using base::ErrorCode;
using base::LoadLe;
using base::MakeError;

// Bits of xinfo (XACT_XINFO_* in xact.h).
constexpr uint32_t kHasDatabase = 1u << 0;
constexpr uint32_t kHasSubtransactions = 1u << 1;
constexpr uint32_t kHasRelations = 1u << 2;
constexpr uint32_t kHasInvalidations = 1u << 3;
constexpr uint32_t kHasTwoPhase = 1u << 4;
constexpr uint32_t kHasDroppedStatistics = 1u << 8;

constexpr size_t kRelationFileBytes = 12;
constexpr size_t kInvalidationBytes = 16;  // SharedInvalidationMessage
// xl_xact_stats_item grew a 64-bit object identifier in 18.
constexpr size_t StatisticsItemBytes(int major_version) { return major_version >= 18 ? 16 : 12; }

// 1970-01-01 to 2000-01-01 in microseconds (POSTGRES_EPOCH_JDATE in datatype/timestamp.h).
constexpr int64_t kPostgresEpochUs = 946684800LL * 1000000;

// The parts of xl_xact_commit and xl_xact_abort that are of use here, in the order of
// ParseCommitRecord() in src/backend/access/rmgrdesc/xactdesc.c; an abort has no invalidations.
struct ParsedEnd {
    int64_t time = 0;
    uint32_t two_phase_xid = 0;
    ByteView relations;
};

class PartReader {
   public:
    explicit PartReader(ByteView rest) : rest_(rest) {}

    ByteView Take(uint64_t bytes) {
        if (bytes > rest_.size()) {
            failed_ = true;
            return {};
        }
        ByteView part = rest_.first(bytes);
        rest_ = rest_.subspan(bytes);
        return part;
    }
    template <class T>
    T TakeInteger() {
        ByteView part = Take(sizeof(T));
        return part.empty() ? T{0} : LoadLe<T>(part.data());
    }
    // A count of 32 bits and that many items.
    ByteView TakeList(size_t item_bytes) {
        return Take(uint64_t{TakeInteger<uint32_t>()} * item_bytes);
    }
    bool failed() const { return failed_; }

   private:
    ByteView rest_;
    bool failed_ = false;
};

std::optional<ParsedEnd> ParseEnd(const Record& record) {
    PartReader reader(record.main_data);
    ParsedEnd parsed;
    parsed.time = static_cast<int64_t>(reader.TakeInteger<uint64_t>());
    const uint32_t info =
        (record.header.info & kTransactionHasInfo) != 0 ? reader.TakeInteger<uint32_t>() : 0;
    if ((info & kHasDatabase) != 0) reader.Take(8);
    if ((info & kHasSubtransactions) != 0) reader.TakeList(sizeof(uint32_t));
    if ((info & kHasRelations) != 0) parsed.relations = reader.TakeList(kRelationFileBytes);
    if ((info & kHasDroppedStatistics) != 0)
        reader.TakeList(StatisticsItemBytes(record.major_version));
    if ((info & kHasInvalidations) != 0) reader.TakeList(kInvalidationBytes);
    if ((info & kHasTwoPhase) != 0) parsed.two_phase_xid = reader.TakeInteger<uint32_t>();
    if (reader.failed()) return std::nullopt;
    return parsed;
}

uint8_t TransactionKindOf(const RecordHeader& header) { return header.info & kTransactionKindMask; }

}  // namespace

bool IsTransactionEnd(const RecordHeader& header) {
    if (header.manager != ResourceManager::kTransaction) return false;
    const uint8_t kind = TransactionKindOf(header);
    return kind == kTransactionCommit || kind == kTransactionAbort ||
           kind == kTransactionCommitPrepared || kind == kTransactionAbortPrepared;
}

std::optional<TransactionEnd> ReadTransactionEnd(const Record& record) {
    if (!IsTransactionEnd(record.header)) return std::nullopt;
    const std::optional<ParsedEnd> parsed = ParseEnd(record);
    if (!parsed) return std::nullopt;
    const uint8_t kind = TransactionKindOf(record.header);
    const bool prepared = kind == kTransactionCommitPrepared || kind == kTransactionAbortPrepared;
    const bool committed = kind == kTransactionCommit || kind == kTransactionCommitPrepared;
    TransactionEnd end;
    end.start = record.start;
    end.end = record.end;
    end.xid = prepared ? parsed->two_phase_xid : record.header.xid;
    end.outcome = committed ? TransactionOutcome::kCommitted : TransactionOutcome::kAborted;
    end.time = FromPostgresTime(parsed->time);
    return end;
}

base::Result<std::vector<RelationFile>> ReadDroppedRelations(const Record& record) {
    std::vector<RelationFile> relations;
    if (!IsTransactionEnd(record.header)) return relations;
    const std::optional<ParsedEnd> parsed = ParseEnd(record);
    if (!parsed) {
        return MakeError(ErrorCode::kCorrupt, "invalid commit or abort record at {}",
                         record.start.ToString());
    }
    for (ByteView rest = parsed->relations; !rest.empty();
         rest = rest.subspan(kRelationFileBytes)) {
        relations.push_back({LoadLe<uint32_t>(rest.data()), LoadLe<uint32_t>(rest.data() + 4),
                             LoadLe<uint32_t>(rest.data() + 8)});
    }
    return relations;
}

base::WallTime FromPostgresTime(int64_t timestamp) {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    const int64_t unix_us =
        timestamp > kMost - kPostgresEpochUs ? kMost : timestamp + kPostgresEpochUs;
    return base::WallTime(std::chrono::microseconds(unix_us));
}

int64_t ToPostgresTime(base::WallTime time) {
    constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
    const int64_t unix_us = time.time_since_epoch().count();
    return unix_us < kLeast + kPostgresEpochUs ? kLeast : unix_us - kPostgresEpochUs;
}

}  // namespace agri::wal

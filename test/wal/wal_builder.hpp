// Writes WAL for tests as a server would: records with CRCs and back links, cut into pages and
// segments with their headers. What it writes can then be damaged on purpose.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/lsn.hpp"
#include "codec/digest.hpp"
#include "wal/page.hpp"
#include "wal/record.hpp"
#include "wal/transaction.hpp"
#include "wal/segment_scanner.hpp"

namespace agri::wal {

struct BuilderOptions {
    int major_version = 17;
    uint32_t timeline = 1;
    uint64_t system_identifier = 7;
    uint64_t first_segment = 3;
    uint32_t segment_bytes = kMinSegmentBytes;
    uint32_t page_bytes = 8192;
};

class WalBuilder {
   public:
    explicit WalBuilder(BuilderOptions options = {}) : options_(options) { BeginPage(0); }

    // Appends a record with this main data; returns where it starts.
    base::Lsn Append(ResourceManager manager, uint8_t info, base::ByteView main_data,
                     uint32_t xid = 0) {
        base::Bytes body;
        if (main_data.size() > 255) {
            body.push_back(std::byte{254});
            const auto length = static_cast<uint32_t>(main_data.size());
            body.resize(5);
            base::StoreLe(body.data() + 1, length);
        } else if (!main_data.empty()) {
            body = {std::byte{255}, static_cast<std::byte>(main_data.size())};
        }
        body.insert(body.end(), main_data.begin(), main_data.end());
        return AppendBody(manager, info, body, xid);
    }

    // Appends a record whose bytes behind the header are `body` as it is.
    base::Lsn AppendBody(ResourceManager manager, uint8_t info, base::ByteView body,
                         uint32_t xid = 0) {
        base::Bytes record(kRecordHeaderBytes);
        base::StoreLe(record.data(), static_cast<uint32_t>(kRecordHeaderBytes + body.size()));
        base::StoreLe(record.data() + 4, xid);
        base::StoreLe(record.data() + 8, previous_.value);
        record[16] = static_cast<std::byte>(info);
        record[17] = static_cast<std::byte>(manager);
        record.insert(record.end(), body.begin(), body.end());
        uint32_t crc = codec::Crc32c(0, base::ByteView(record).subspan(kRecordHeaderBytes));
        crc = codec::Crc32c(crc, base::ByteView(record).first(20));
        base::StoreLe(record.data() + 20, crc);

        if (bytes_.size() % options_.page_bytes == 0) BeginPage(0);
        const base::Lsn start = position();
        previous_ = start;
        size_t written = 0;
        while (written < record.size()) {
            if (bytes_.size() % options_.page_bytes == 0)
                BeginPage(static_cast<uint32_t>(record.size() - written));
            const size_t room = options_.page_bytes - bytes_.size() % options_.page_bytes;
            const size_t part = std::min(room, record.size() - written);
            bytes_.insert(bytes_.end(), record.begin() + written, record.begin() + written + part);
            written += part;
        }
        bytes_.resize((bytes_.size() + 7) / 8 * 8);
        return start;
    }

    // A record that does nothing (XLOG_NOOP) with `length` bytes of main data.
    base::Lsn Filler(size_t length = 16) {
        return Append(ResourceManager::kXlog, 0x20, base::Bytes(length, std::byte{0x5A}));
    }
    base::Lsn Commit(uint32_t xid, int64_t unix_us) { return End(0x00, xid, unix_us); }
    base::Lsn Abort(uint32_t xid, int64_t unix_us) { return End(0x20, xid, unix_us); }
    // XLOG_SWITCH: the rest of the segment in which it ends is zero.
    base::Lsn Switch() {
        const base::Lsn start = Append(ResourceManager::kXlog, 0x40, {});
        const size_t segments =
            (bytes_.size() + options_.segment_bytes - 1) / options_.segment_bytes;
        bytes_.resize(segments * options_.segment_bytes);
        return start;
    }
    // Fills up until just `left` bytes (a multiple of 8, below 256) of the current segment are
    // left.
    void FillSegmentTo(size_t left) {
        while (LeftInSegment() > left + 2 * options_.page_bytes) Filler(options_.page_bytes / 2);
        // Approaches in records small enough to land on any multiple of 8.
        while (LeftInSegment() > left) {
            const size_t room = options_.page_bytes - bytes_.size() % options_.page_bytes;
            const bool last_page = LeftInSegment() <= options_.page_bytes;
            const size_t target = last_page ? LeftInSegment() - left : room;
            size_t record = std::min<size_t>(target, 280);
            if (target > record && target - record < 64) record -= 64;
            // Header, two bytes of data header, data.
            Filler(record - kRecordHeaderBytes - 2);
        }
    }

    base::Lsn position() const { return {Start() + bytes_.size()}; }
    base::Lsn previous() const { return previous_; }
    void set_previous(base::Lsn previous) { previous_ = previous; }
    void set_timeline(uint32_t timeline) { options_.timeline = timeline; }
    // Ends the current page with zeros and begins the next with `flags`, as crash recovery does.
    void BeginNextPage(uint16_t flags) {
        const size_t page = options_.page_bytes;
        bytes_.resize((bytes_.size() + page - 1) / page * page);
        const size_t at = bytes_.size();
        BeginPage(0);
        const uint16_t now = base::LoadLe<uint16_t>(bytes_.data() + at + 2);
        base::StoreLe(bytes_.data() + at + 2, static_cast<uint16_t>(now | flags));
    }
    // Forgets everything behind `lsn`, as if it had never been written.
    void CutBack(base::Lsn lsn) { bytes_.resize(lsn.value - Start()); }

    size_t segment_count() const {
        return (bytes_.size() + options_.segment_bytes - 1) / options_.segment_bytes;
    }
    // The segment of that index (0: the first written), padded with zeros.
    base::Bytes Segment(size_t index) const {
        const size_t from = index * options_.segment_bytes;
        const size_t to = std::min(from + options_.segment_bytes, bytes_.size());
        base::Bytes segment(bytes_.begin() + from, bytes_.begin() + to);
        segment.resize(options_.segment_bytes);
        return segment;
    }

   private:
    uint64_t Start() const { return options_.first_segment * options_.segment_bytes; }
    size_t LeftInSegment() const {
        return options_.segment_bytes - bytes_.size() % options_.segment_bytes;
    }
    base::Lsn End(uint8_t kind, uint32_t xid, int64_t unix_us) {
        base::Bytes time(8);
        base::StoreLe(time.data(), static_cast<uint64_t>(ToPostgresTime(
                                       base::WallTime(std::chrono::microseconds(unix_us)))));
        return Append(ResourceManager::kTransaction, kind, time, xid);
    }
    void BeginPage(uint32_t remaining) {
        const size_t at = bytes_.size();
        const bool is_first = at % options_.segment_bytes == 0;
        bytes_.resize(at + (is_first ? kLongPageHeaderBytes : kShortPageHeaderBytes));
        std::byte* page = bytes_.data() + at;
        const uint16_t flags =
            (remaining != 0 ? kPageContinuesRecord : 0) | (is_first ? kPageHasLongHeader : 0);
        base::StoreLe(page, *PageMagicOf(options_.major_version));
        base::StoreLe(page + 2, flags);
        base::StoreLe(page + 4, options_.timeline);
        base::StoreLe(page + 8, Start() + at);
        base::StoreLe(page + 16, remaining);
        if (!is_first) return;
        base::StoreLe(page + 24, options_.system_identifier);
        base::StoreLe(page + 32, options_.segment_bytes);
        base::StoreLe(page + 36, options_.page_bytes);
    }

    BuilderOptions options_;
    base::Bytes bytes_;
    base::Lsn previous_;
};

inline constexpr uint64_t kSegment = kMinSegmentBytes;  // of a builder without options

inline size_t OffsetOf(base::Lsn lsn) { return lsn.value % kSegment; }

// The scan of a segment that must have one.
inline SegmentScan Scan(const base::Bytes& segment, RecordVisitor* visitor = nullptr) {
    auto scan = ScanSegment(segment, {.visitor = visitor});
    EXPECT_TRUE(scan) << scan.error().ToString();
    return scan ? std::move(*scan) : SegmentScan();
}

}  // namespace agri::wal

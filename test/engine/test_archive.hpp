// A WAL archive of two timelines with known commits, restore points and backups: what the tests of
// recovery targets stand on. Segments are real WAL; their indexes are made as wal-push makes them.
#pragma once

#include <map>

#include "engine/test_cluster.hpp"
#include "engine/wal_index_facts.hpp"
#include "wal/history_file.hpp"

namespace agri::test {

inline constexpr uint64_t kFirstSegment = 0x20;
// Seconds of the story, as microseconds since the Unix epoch.
inline int64_t At(int64_t second) { return 1'760'000'000'000'000 + second * 1'000'000; }
inline base::WallTime TimeAt(int64_t second) {
    return base::WallTime(std::chrono::microseconds(At(second)));
}

// One timeline's WAL while it is written.
class Story {
   public:
    Story() : builder_(Options()) { builder_.Filler(); }

    base::Lsn Commit(uint32_t xid, int64_t second) { return builder_.Commit(xid, At(second)); }
    base::Lsn Abort(uint32_t xid, int64_t second) { return builder_.Abort(xid, At(second)); }
    // Returns the record's end: what pg_create_restore_point() returns.
    base::Lsn RestorePoint(std::string_view name, int64_t second) {
        base::Bytes data(72);
        const auto time = static_cast<uint64_t>(wal::ToPostgresTime(TimeAt(second)));
        base::StoreLe(data.data(), time);
        std::copy_n(base::AsBytes(name).begin(), name.size(), data.begin() + 8);
        builder_.Append(wal::ResourceManager::kXlog, 0x70, data);
        return builder_.position();
    }
    void EndSegment() {
        builder_.Switch();
        builder_.Filler();
    }
    base::Lsn position() const { return builder_.position(); }
    // What this timeline's child begins with.
    Story Branch(uint32_t timeline) const {
        Story child = *this;
        child.builder_.set_timeline(timeline);
        child.timeline_ = timeline;
        return child;
    }
    uint32_t timeline() const { return timeline_; }
    const wal::WalBuilder& builder() const { return builder_; }

   private:
    static wal::BuilderOptions Options() {
        wal::BuilderOptions options;
        options.major_version = 15;
        options.system_identifier = kTestSystem;
        options.first_segment = kFirstSegment;
        return options;
    }
    wal::WalBuilder builder_;
    uint32_t timeline_ = 1;
};

inline std::string SegmentName(uint32_t timeline, uint64_t number) {
    return base::SegmentId{{timeline}, number}.FileName(kTestSegmentBytes);
}

// Archives segments first … end-1 of the story with the facts that a scan finds.
inline void ArchiveSegments(const repo::Incarnation& incarnation, const Story& story,
                            uint64_t first, uint64_t end) {
    wal::SegmentCarry carry;
    for (uint64_t number = kFirstSegment; number < end; ++number) {
        const base::Bytes content = story.builder().Segment(number - kFirstSegment);
        auto scan = Must(wal::ScanSegment(content));
        const auto stitched = wal::Stitch(carry, scan);
        if (number < first) continue;
        repo::format::WalIndex index;
        index.set_name(SegmentName(story.timeline(), number));
        engine::SetWalFacts({scan, stitched, carry, scan.facts.first_record}, index);
        Must(repo::WalArchive(incarnation).Put(index, content, 1, base::SystemClock()));
    }
}

inline void ArchiveHistory(const repo::Incarnation& incarnation, uint32_t timeline,
                           const std::string& text) {
    repo::format::WalIndex index;
    index.set_name(base::TimelineId{timeline}.ToString() + ".history");
    Must(repo::WalArchive(incarnation).Put(index, base::AsBytes(text), 1, base::SystemClock()));
}

struct StoryBackup {
    std::string id;
    base::Lsn start, stop;
    int64_t start_second = 0, stop_second = 0;
    uint32_t timeline = 1;
};

// A backup without files: for decisions its header is enough.
inline void CommitBackup(const TestRepository& repository, const StoryBackup& backup) {
    TestPacks packs(repository);
    repo::ManifestWriter writer(repository.incarnation(), packs.writer());
    Must(writer.FinishFiles());
    packs.Finish();
    repo::format::ManifestHeader header = TestHeader(backup.id);
    header.set_start_lsn(backup.start.value);
    header.set_stop_lsn(backup.stop.value);
    header.set_timeline(backup.timeline);
    header.set_stop_timeline(backup.timeline);
    header.set_start_us(At(backup.start_second));
    header.set_stop_us(At(backup.stop_second));
    Must(writer.Commit(header, packs.refs()));
}

// Timeline 1, segments 0x20 to 0x25, and timeline 2, which branches off within 0x24:
//   0x20 commit 100 @10 | 0x21 101 @20, point alpha @21 | 0x22 102 @30 | 0x23 103 @40, abort 104
//   @45 0x24 105 @50, branch; timeline 1: 106 @60 | 0x25 107 @65
//                         timeline 2: 206 @61 | 0x25 207 @70, point beta @71 | 0x26 208 @80
// Backup A: @5 to @12, 0x20 to 0x21. Backup B: @25 to @38, 0x22 to 0x23, before 103.
class TwoTimelines {
   public:
    explicit TwoTimelines(const TestRepository& repository) {
        Story main;
        a.start = base::Lsn{kFirstSegment * kTestSegmentBytes + 40};
        lsn[100] = main.Commit(100, 10);
        main.EndSegment();
        a.stop = main.position();
        lsn[101] = main.Commit(101, 20);
        alpha = main.RestorePoint("alpha", 21);
        main.EndSegment();
        b.start = main.position();
        lsn[102] = main.Commit(102, 30);
        main.EndSegment();
        b.stop = main.position();
        lsn[103] = main.Commit(103, 40);
        lsn[104] = main.Abort(104, 45);
        main.EndSegment();
        lsn[105] = main.Commit(105, 50);
        branch = main.position();
        Story child = main.Branch(2);
        lsn[106] = main.Commit(106, 60);
        main.EndSegment();
        lsn[107] = main.Commit(107, 65);
        main.EndSegment();
        lsn[206] = child.Commit(206, 61);
        child.EndSegment();
        lsn[207] = child.Commit(207, 70);
        beta = child.RestorePoint("beta", 71);
        child.EndSegment();
        lsn[208] = child.Commit(208, 80);
        end = child.position();
        child.EndSegment();
        ArchiveSegments(repository.incarnation(), main, 0x20, 0x26);
        ArchiveSegments(repository.incarnation(), child, 0x24, 0x27);
        ArchiveHistory(repository.incarnation(), 2,
                       fmt::format("1\t{}\tno recovery target specified\n", branch.ToString()));
        CommitBackup(repository, a);
        CommitBackup(repository, b);
    }

    StoryBackup a{"20261122T100000Z-full-aaaa", {}, {}, 5, 12};
    StoryBackup b{"20261122T110000Z-full-bbbb", {}, {}, 25, 38};
    std::map<uint32_t, base::Lsn> lsn;  // start of the transaction's end record
    base::Lsn alpha, beta, branch, end;
};

// The key of an archived segment.
inline std::string SegmentKey(const repo::Incarnation& incarnation, uint32_t timeline,
                              uint64_t number) {
    return incarnation.keys().Wal(*base::WalFileName::Parse(SegmentName(timeline, number)));
}

}  // namespace agri::test

// A data directory that looks like a server's, and a server that answers as one would: what tests
// of backups stand on. The pg_control is valid, CRC included; files hold what the test puts into
// them.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "base/file.hpp"
#include "codec/digest.hpp"
#include "engine/cluster_port.hpp"
#include "engine/context.hpp"
#include "repo/test_repository.hpp"
#include "repo/wal_archive.hpp"
#include "wal/pg_control.hpp"
#include "wal/wal_builder.hpp"

namespace agri::test {

inline constexpr uint32_t kCatalogVersionOf15 = 202209061;
inline constexpr base::Lsn kStartLsn{0x2000028};

struct ControlFields {
    uint64_t system_identifier = kTestSystem;
    uint32_t pg_control_version = 1300;
    uint32_t catalog_version = kCatalogVersionOf15;
    uint32_t timeline = 1;
    uint32_t data_checksum_version = 1;
    uint32_t blocks_per_segment = 131072;
    uint32_t state = 6;  // in production; 5: in archive recovery
};

// Offsets as in src/wal/pg_control.cpp.
inline base::Bytes MakeControlFile(const ControlFields& fields = {}) {
    base::Bytes file(wal::kControlFileBytes);
    auto put32 = [&](size_t at, uint32_t value) { base::StoreLe(file.data() + at, value); };
    auto put64 = [&](size_t at, uint64_t value) { base::StoreLe(file.data() + at, value); };
    put64(0, fields.system_identifier);
    put32(8, fields.pg_control_version);
    put32(12, fields.catalog_version);
    put32(16, fields.state);
    put64(32, kStartLsn.value + 0x40);
    put64(40, kStartLsn.value);
    put32(48, fields.timeline);
    put32(52, fields.timeline);
    put32(172, 1);
    put32(204, 8);
    const double float_format = 1234567.0;
    std::memcpy(file.data() + 208, &float_format, sizeof(float_format));
    put32(216, 8192);
    put32(220, fields.blocks_per_segment);
    put32(224, 8192);
    put32(228, kTestSegmentBytes);
    put32(232, 64);
    put32(236, 32);
    put32(252, fields.data_checksum_version);
    const size_t crc_at = fields.pg_control_version >= 1800 ? 292 : 288;
    put32(crc_at, codec::Crc32c(0, base::ByteView(file).first(crc_at)));
    return file;
}

class TestCluster {
   public:
    explicit TestCluster(const ControlFields& fields = {}) {
        for (const char* folder :
             {"base", "base/1", "base/5", "global", "pg_wal", "pg_wal/archive_status", "pg_tblspc",
              "pg_notify", "pg_replslot", "pg_stat_tmp", "pg_xact", "pg_subtrans"})
            MakeFolder(folder);
        Write("PG_VERSION", "15\n");
        Write("postmaster.pid", "1\n");
        Write("pg_xact/0000", std::string(8192, 'x'));
        WriteControl(fields);
    }

    std::string data() const { return folder_ / "data"; }
    // A place beside the data directory.
    std::string Outside(const std::string& name) const { return folder_ / name; }
    std::string Path(const std::string& path) const { return data() + "/" + path; }

    void MakeFolder(const std::string& path) { std::filesystem::create_directories(Path(path)); }
    void Write(const std::string& path, std::string_view content) {
        WriteFile(Path(path), content);
    }
    static void WriteFile(const std::string& path, std::string_view content) {
        const size_t slash = path.rfind('/');
        std::filesystem::create_directories(path.substr(0, slash));
        Must(base::ReplaceFileNoSync(path, base::AsBytes(content), 0600));
    }
    void WriteControl(const ControlFields& fields) {
        Write("global/pg_control", base::AsText(MakeControlFile(fields)));
    }
    void Link(const std::string& path, const std::string& target) {
        ASSERT_EQ(symlink(target.c_str(), Path(path).c_str()), 0);
    }

    engine::ClusterFacts Facts() const {
        engine::ClusterFacts facts;
        facts.data_directory = data();
        facts.system_identifier = kTestSystem;
        facts.server_version_num = 150020;
        facts.server_version = "15.20";
        facts.wal_segment_size = kTestSegmentBytes;
        facts.data_checksums = true;
        facts.databases = {{5, "agritech"}};
        return facts;
    }

   private:
    TemporaryFolder folder_;
};

// Settings, clock, log and so on of one job; the log can be read.
class TestContext {
   public:
    TestContext() {
        settings.parallel = 2;
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_);
        logger_ = std::make_shared<base::Logger>("test", std::move(sink));
    }
    engine::Context get() {
        return {settings, clock, base::SystemRandom(), cancel, logger_, progress};
    }
    std::string log() const { return log_text_.str(); }

    engine::Settings settings;
    ManualClock clock;
    base::CancelToken cancel;
    engine::Progress progress;

   private:
    std::ostringstream log_text_;
    base::LoggerPtr logger_;
};

// What a server archives that stops a backup: a segment with its system identifier.
inline base::Result<repo::WalPut> ArchiveFiller(const repo::Incarnation& incarnation,
                                                uint64_t number) {
    wal::BuilderOptions options;
    options.major_version = 15;
    options.system_identifier = kTestSystem;
    options.first_segment = number;
    wal::WalBuilder builder(options);
    builder.Filler();
    repo::format::WalIndex index;
    index.set_name(base::SegmentId{{1}, number}.FileName(kTestSegmentBytes));
    index.set_system_identifier(kTestSystem);
    return repo::WalArchive(incarnation).Put(index, builder.Segment(0), 1, base::SystemClock());
}

// A server that archives the backup's WAL when the backup stops.
class FakeServer : public engine::ClusterPort {
   public:
    FakeServer(const TestCluster& cluster, const repo::Incarnation& incarnation)
        : facts(cluster.Facts()), incarnation_(incarnation) {}

    base::Result<engine::ClusterFacts> Facts() override { return facts; }
    base::Result<engine::BackupStart> StartBackup(const std::string& label) override {
        ++starts;
        this->label = label;
        if (on_start) AGRI_TRY(on_start());
        return engine::BackupStart{kStartLsn, base::TimelineId{1}};
    }
    base::Result<engine::BackupStop> StopBackup() override {
        ++stops;
        if (on_stop) AGRI_TRY(on_stop());
        if (archives_wal)
            for (uint64_t number = 0x20; number <= 0x21; ++number) Archive(number);
        return engine::BackupStop{stop_lsn, base::TimelineId{1}, "START WAL LOCATION: 0/2000028\n",
                                  tablespace_map};
    }
    std::string RelationName(uint32_t database, uint32_t tablespace, uint32_t file) override {
        asked.push_back({database, tablespace, file});
        return "agritech.public.readings";
    }
    void Archive(uint64_t number) { Must(ArchiveFiller(incarnation_, number)); }

    engine::ClusterFacts facts;
    base::Lsn stop_lsn{0x2100100};
    std::string tablespace_map;
    bool archives_wal = true;
    std::function<base::Status()> on_start, on_stop;
    int starts = 0, stops = 0;
    std::string label;
    std::vector<std::array<uint32_t, 3>> asked;

   private:
    const repo::Incarnation& incarnation_;
};

// Content of every file of a backup, put together again through the manifest, by "root:path".
struct ReadBackup {
    repo::format::ManifestHeader header;
    std::map<std::string, std::string> files;  // regular ones
    std::map<std::string, repo::format::FileEntry> entries;
    std::vector<std::string> order;
    std::vector<repo::format::PageFailure> page_failures;

    bool Has(const std::string& path) const { return entries.contains("0:" + path); }
};

inline ReadBackup ReadBack(const repo::Incarnation& incarnation, const std::string& backup_id) {
    ReadBackup backup;
    auto manifest = Must(repo::ManifestReader::Open(incarnation, backup_id));
    backup.header = manifest.header();
    backup.page_failures = manifest.page_failures();
    repo::ChunkReader chunks(manifest.packs(), manifest.header().digest_seed());
    Must(manifest.ForEachFile([&](const repo::ManifestReader::FileRun& run) -> base::Status {
        const std::string key = std::to_string(run.entry.root()) + ":" + run.entry.path();
        if (run.first_offset == 0) {
            backup.order.push_back(key);
            backup.entries[key] = run.entry;
        }
        if (run.entry.type() != repo::format::REGULAR) return {};
        std::string& content = backup.files[key];
        for (const auto& extent : run.extents) {
            if (!extent.chunk) {
                content.append(extent.length, '\0');
                continue;
            }
            AGRI_ASSIGN(base::ByteView plain, chunks.Read(*extent.chunk));
            content += base::AsText(plain.subspan(extent.chunk_offset, extent.length));
        }
        if (run.last) {
            EXPECT_EQ(content.size(), run.entry.size()) << key;
            EXPECT_EQ(codec::Crc32c(0, base::AsBytes(content)), run.entry.crc32c()) << key;
        }
        return {};
    }));
    return backup;
}

inline std::string FileText(const std::string& path) {
    return std::string(base::AsText(Must(base::ReadWholeFile(path, 1u << 30))));
}

}  // namespace agri::test

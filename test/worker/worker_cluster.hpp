// A data directory with WAL in it and a repository in a folder beside it: what the tests of the two
// long-running processes stand on.
#pragma once

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "engine/test_cluster.hpp"
#include "repo/claim.hpp"
#include "worker/peer.hpp"

namespace agri::test {

class WorkerCluster {
   public:
    WorkerCluster() { std::filesystem::create_directory(repository_path()); }

    std::string repository_path() const { return cluster_.Outside("repository"); }
    std::string uri() const { return "file://" + repository_path(); }
    std::string Path(const std::string& path) const { return cluster_.Path(path); }
    TestCluster& cluster() { return cluster_; }
    repo::ClusterIdentity identity() const { return {kTestSystem, 15, kTestSegmentBytes}; }

    // What `agri_backup init` does.
    void Init() {
        opened_.emplace(*this);
        Must(repo::Incarnation::Register(*opened_->repository, "main", identity(),
                                         base::SystemClock()));
    }
    // All that the mounted storage holds is removed.
    void Wipe() {
        opened_.reset();
        for (const auto& entry : std::filesystem::directory_iterator(repository_path()))
            std::filesystem::remove_all(entry);
    }
    // And a new repository is made in its place.
    void Remake() {
        Wipe();
        Init();
    }
    // The repository, as any other process would open it.
    repo::Incarnation Open() {
        opened_.emplace(*this);
        return Must(repo::Incarnation::Open(*opened_->repository, "main", identity()));
    }

    Message Config(pid_t postmaster) const {
        Message config("CONFIG");
        config.Set("data_directory", cluster_.data());
        config.Set("system_identifier", std::to_string(kTestSystem));
        config.Set("server_version_num", "150020");
        config.Set("wal_segment_size", std::to_string(kTestSegmentBytes));
        config.Set("postmaster_pid", std::to_string(postmaster));
        config.Set("repository", uri()).Set("encryption", "off").Set("key", "");
        return config.Set("parallel", "2").Set("log_level", "off");
    }

    static std::string SegmentName(uint64_t number, uint32_t timeline = 1) {
        return base::SegmentId{{timeline}, number}.FileName(kTestSegmentBytes);
    }
    static base::Bytes SegmentContent(uint64_t number, uint32_t timeline = 1,
                                      uint64_t system = kTestSystem) {
        wal::BuilderOptions options;
        options.major_version = 15;
        options.timeline = timeline;
        options.system_identifier = system;
        options.first_segment = number;
        wal::WalBuilder builder(options);
        builder.Commit(700 + static_cast<uint32_t>(number), 1795000000000000 + number * 1000000);
        builder.Filler();
        return builder.Segment(0);
    }
    // A complete segment in pg_wal that waits to be archived.
    std::string PutSegment(uint64_t number, uint32_t timeline = 1) {
        std::string name = SegmentName(number, timeline);
        cluster_.Write("pg_wal/" + name, base::AsText(SegmentContent(number, timeline)));
        SetReady(name);
        return name;
    }
    void SetReady(const std::string& name) {
        cluster_.Write("pg_wal/archive_status/" + name + ".ready", "");
    }
    // What the archiver does once a file is durable.
    void SetDone(const std::string& name) {
        std::string status = Path("pg_wal/archive_status/" + name);
        ASSERT_EQ(rename((status + ".ready").c_str(), (status + ".done").c_str()), 0);
    }
    // The plain content in the archive; empty when it is not there.
    std::string Archived(const std::string& name) {
        repo::Incarnation incarnation = Open();
        std::string content;
        auto read =
            repo::WalArchive(incarnation)
                .Read(*base::WalFileName::Parse(name), [&](base::ByteView part) -> base::Status {
                    content += base::AsText(part);
                    return {};
                });
        return read ? content : std::string();
    }
    nlohmann::json State(const std::string& file) const {
        auto bytes = base::ReadWholeFile(Path("agri_backup/" + file), 16u << 20);
        if (!bytes) return nullptr;
        return nlohmann::json::parse(base::AsText(*bytes));
    }
    // The storage goes away, as when its filesystem is unmounted, and comes back.
    void Unmount() {
        opened_.reset();
        std::filesystem::rename(repository_path(), repository_path() + ".away");
    }
    void Mount() { std::filesystem::rename(repository_path() + ".away", repository_path()); }

   private:
    struct Opened {
        explicit Opened(const WorkerCluster& cluster) {
            repo::RepositoryOptions options;
            options.uri = cluster.uri();
            options.encryption_off = true;
            bool created = false;
            repository = Must(repo::Repository::Init(Must(storage::OpenStorage(cluster.uri())),
                                                     options, base::SystemRandom(), created));
        }
        std::unique_ptr<repo::Repository> repository;
    };
    TestCluster cluster_;
    std::optional<Opened> opened_;
};

}  // namespace agri::test

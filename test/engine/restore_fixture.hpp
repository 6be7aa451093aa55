// A made-up cluster, a backup of it, and a place to restore to: what the tests of restores stand
// on.
#pragma once

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "engine/backup.hpp"
#include "engine/restore.hpp"
#include "engine/test_cluster.hpp"

namespace agri::test {

class RestoreFixture : public testing::Test {
   protected:
    RestoreFixture() {
        request.target_directory = place / "restored";
        request.restore_command = "fetch %f %p";
        EXPECT_EQ(chmod(cluster.Path("pg_wal").c_str(), 0700), 0);
        server.archives_wal = false;
        server.on_stop = [this] { return ArchiveWal(); };
        cluster.Write("base/5/1259", base::AsText(Noise(3 * 8192, 1)));
        cluster.Write("base/5/16384", std::string(base::AsText(Noise(3u << 20, 2))) +
                                          std::string(8u << 20, '\0') +
                                          std::string(base::AsText(Noise(12345, 3))));
        cluster.Write("base/5/16385", "");
        cluster.Write("base/5/name with\nnewline and \xff", "odd");
        cluster.Write("postgresql.auto.conf", "work_mem = '8MB'\n");
        for (int i = 0; i < 100; ++i)
            cluster.Write("base/1/" + std::to_string(20000 + i),
                          base::AsText(Noise(100 + i * 50, i)));
    }

    std::string Backup() {
        return Must(engine::RunBackup(repository.incarnation(), server, {}, context.get()))
            .backup_id();
    }
    base::Result<engine::RestoreResult> Run() {
        return engine::RunRestore(repository.incarnation(), request, context.get());
    }
    std::string Restored(const std::string& path) const {
        return request.target_directory + "/" + path;
    }
    static bool Exists(const std::string& path) {
        struct stat info;
        return lstat(path.c_str(), &info) == 0;
    }
    void ExpectRefused(base::ErrorCode code, std::string_view message) {
        const auto result = Run();
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << result.error().ToString();
        EXPECT_NE(result.error().ToString().find(message), std::string::npos)
            << result.error().ToString();
    }
    void WriteToTarget(const std::string& path, std::string_view content) {
        TestCluster::WriteFile(Restored(path), content);
    }
    // Every regular file of the cluster that a backup takes is there, byte for byte.
    void ExpectRestored() const {
        size_t compared = 0;
        const std::string root = cluster.data();
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
            const std::string path = entry.path().string().substr(root.size() + 1);
            if (!entry.is_regular_file() || path == "postmaster.pid" ||
                path == "postgresql.auto.conf")
                continue;
            ASSERT_TRUE(Exists(Restored(path))) << path;
            EXPECT_TRUE(FileText(Restored(path)) == FileText(entry.path())) << path;
            ++compared;
        }
        EXPECT_GE(compared, 105u);
    }
    // The checks that pg_verifybackup makes, on the manifest that the restore wrote.
    void ExpectManifestMatches() const {
        const std::string text = FileText(Restored("backup_manifest"));
        const size_t last_line = text.rfind("\"Manifest-Checksum\"");
        ASSERT_NE(last_line, std::string::npos);
        const auto manifest = nlohmann::json::parse(text);
        EXPECT_EQ(manifest["Manifest-Checksum"],
                  base::ToHex(codec::Sha256(base::AsBytes(text.substr(0, last_line)))));
        std::set<std::string> listed;
        for (const auto& file : manifest["Files"]) {
            std::string path = file.value("Path", "");
            if (file.contains("Encoded-Path")) {
                const std::string hex = file["Encoded-Path"];
                path.resize(hex.size() / 2);
                ASSERT_TRUE(
                    base::FromHex(hex, {reinterpret_cast<std::byte*>(path.data()), path.size()}));
            }
            EXPECT_TRUE(listed.insert(path).second) << path;
            const std::string content = FileText(Restored(path));
            EXPECT_EQ(file["Size"], content.size()) << path;
            std::array<std::byte, 4> crc;
            base::StoreLe(crc.data(), codec::Crc32c(0, base::AsBytes(content)));
            EXPECT_EQ(file["Checksum"], base::ToHex(crc)) << path;
        }
        ExpectAllListed(listed);
    }
    void ExpectAllListed(const std::set<std::string>& listed) const {
        const auto options = std::filesystem::directory_options::follow_directory_symlink;
        for (const auto& entry :
             std::filesystem::recursive_directory_iterator(request.target_directory, options)) {
            const std::string path =
                entry.path().string().substr(request.target_directory.size() + 1);
            if (!entry.is_regular_file() || path.starts_with("pg_wal/") ||
                path == "backup_manifest" || path == "postgresql.auto.conf" ||
                path == "recovery.signal" || path == "standby.signal")
                continue;
            EXPECT_TRUE(listed.contains(path)) << path << " would be reported by pg_verifybackup";
        }
    }
    // Runs the restore with storage that fails after a part of the operations that a whole one
    // takes.
    base::Result<engine::RestoreResult> RunUntil(double part) {
        if (operations_ == 0) {
            engine::RestoreRequest other = request;
            other.target_directory = place / "counted";
            other.existing = engine::ExistingFiles::kRefuse;
            other.wal_directory.clear();
            for (auto& [from, to] : other.tablespace_map) to += ".counted";
            const uint64_t before = repository.disk->operations();
            Must(engine::RunRestore(repository.incarnation(), other, context.get()));
            operations_ = repository.disk->operations() - before;
        }
        repository.disk->CutPowerAfter(
            static_cast<uint64_t>(static_cast<double>(operations_) * part));
        auto result = Run();
        repository.disk->PowerOn(Unsynced::kKept);
        return result;
    }

    base::Status ArchiveWal() {
        for (uint64_t number : {0x20, 0x21})
            AGRI_TRY(ArchiveFiller(repository.incarnation(), number));
        return {};
    }

    TestRepository repository;
    // Without page checksums: its relations hold noise.
    TestCluster cluster{ControlFields{.data_checksum_version = 0}};
    FakeServer server{cluster, repository.incarnation()};
    TestContext context;
    TemporaryFolder place;
    engine::RestoreRequest request;

   private:
    uint64_t operations_ = 0;
};

}  // namespace agri::test

// A repository on a memory disk with one registered cluster, and the shortest ways to put something
// into it: what the tests of packs, manifests, WAL and catalog stand on.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/temporary_folder.hpp"
#include "repo/catalog.hpp"
#include "repo/manifest.hpp"
#include "storage/manual_time.hpp"
#include "storage/memory_storage.hpp"

namespace agri::test {

inline constexpr uint64_t kTestSegmentBytes = 1u << 20;
inline constexpr uint64_t kTestSystem = 7239018273645501234u;
inline constexpr uint64_t kTestSeed = 0x5eed5eed5eed5eed;
inline constexpr std::string_view kTestBackup = "20261122T203501Z-full-3f9a";

template <class T>
void ExpectCorrupt(const base::Result<T>& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::ErrorCode::kCorrupt);
}

// The value, or a failed test and an exception that ends it.
template <class T>
T Must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().ToString());
    return std::move(*result);
}
inline void Must(base::Status status) {
    if (!status) throw std::runtime_error(status.error().ToString());
}

// Bytes that look random but are the same in every run; they do not compress.
inline base::Bytes Noise(size_t bytes, uint64_t seed) {
    base::Bytes noise(bytes);
    uint64_t state = seed * 2654435761u + 88172645463325252u;
    for (std::byte& byte : noise) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        byte = static_cast<std::byte>(state >> 32);
    }
    return noise;
}

class TestRepository {
   public:
    explicit TestRepository(bool is_encrypted = true) {
        repo::RepositoryOptions options;
        options.uri = "memory:";
        options.encryption_off = !is_encrypted;
        if (is_encrypted) {
            Must(repo::CreateUserKeyFile(folder_ / "main.key", base::SystemRandom()));
            options.key_uri = "file://" + (folder_ / "main.key");
        }
        bool created = false;
        repository_ = Must(repo::Repository::Init(std::make_unique<MemoryStorage>(disk), options,
                                                  base::SystemRandom(), created));
        const repo::ClusterIdentity identity{kTestSystem, 15, kTestSegmentBytes};
        incarnation_ = std::make_unique<repo::Incarnation>(
            Must(repo::Incarnation::Register(*repository_, "main", identity, clock)));
    }

    const repo::Incarnation& incarnation() const { return *incarnation_; }
    repo::Repository& repository() const { return *repository_; }
    base::Bytes Content(const std::string& key) const { return *disk->Snapshot().at(key); }

    // Keys of all objects below a folder of the incarnation.
    std::vector<std::string> Keys(const std::string& folder) const {
        std::vector<std::string> keys;
        for (const auto& [key, content] : disk->Snapshot())
            if (key.starts_with(folder)) keys.push_back(key);
        return keys;
    }

    std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
    ManualClock clock;

   private:
    TemporaryFolder folder_;
    std::unique_ptr<repo::Repository> repository_;
    std::unique_ptr<repo::Incarnation> incarnation_;
};

// A pack writer that remembers its finished packs.
class TestPacks {
   public:
    explicit TestPacks(const TestRepository& test, repo::PackLimits limits = {})
        : incarnation_(test.incarnation()), writer_(test.incarnation(), Options(limits)) {}
    repo::PackWriter& writer() { return writer_; }
    repo::StoredChunk Put(base::ByteView plain) { return Must(writer_.Append(plain, {})); }
    repo::StoredChunk Put(std::string_view plain) { return Put(base::AsBytes(plain)); }
    const std::vector<repo::format::PackRef>& Finish() {
        Must(writer_.Finish());
        return refs_;
    }
    const std::vector<repo::format::PackRef>& refs() const { return refs_; }
    repo::PackStore Store() const {
        repo::PackStore store(incarnation_);
        for (const auto& ref : refs_) Must(store.Add(ref));
        return store;
    }

   private:
    repo::PackWriterOptions Options(repo::PackLimits limits) {
        repo::PackWriterOptions options;
        options.backup_id = kTestBackup;
        options.digest_seed = kTestSeed;
        options.limits = limits;
        options.on_pack = [this](repo::format::PackRef ref) { refs_.push_back(std::move(ref)); };
        return options;
    }

    const repo::Incarnation& incarnation_;
    std::vector<repo::format::PackRef> refs_;
    repo::PackWriter writer_;
};

inline repo::format::ManifestHeader TestHeader(std::string_view backup_id = kTestBackup) {
    repo::format::ManifestHeader header;
    header.set_format_version(repo::kManifestFormatVersion);
    header.set_backup_id(std::string(backup_id));
    header.set_kind(repo::format::ManifestHeader::FULL);
    header.set_cluster("main");
    header.set_incarnation(1);
    header.set_system_identifier(kTestSystem);
    header.set_block_size(8192);
    header.set_wal_block_size(8192);
    header.set_wal_segment_size(kTestSegmentBytes);
    header.set_timeline(1);
    header.set_stop_timeline(1);
    header.set_start_lsn(0x2000028);
    header.set_stop_lsn(0x3000100);
    header.set_digest_seed(kTestSeed);
    auto* root = header.add_roots();
    root->set_id(0);
    root->set_kind(repo::format::FileRoot::DATA);
    root->set_path("/var/lib/postgresql/15/main");
    return header;
}

inline repo::format::FileEntry TestEntry(std::string_view path, uint64_t size,
                                         repo::format::FileType type = repo::format::REGULAR) {
    repo::format::FileEntry entry;
    entry.set_path(std::string(path));
    entry.set_type(type);
    entry.set_mode(0600);
    entry.set_size(size);
    return entry;
}

}  // namespace agri::test

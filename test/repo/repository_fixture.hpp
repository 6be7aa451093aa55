// A repository on a memory disk, with key files in a folder of their own and time under control.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/temporary_folder.hpp"
#include "repo/repository.hpp"
#include "storage/manual_time.hpp"
#include "storage/memory_storage.hpp"

namespace agri::test {

struct RepositoryFixture {
    RepositoryFixture() { EXPECT_TRUE(repo::CreateUserKeyFile(keys / "main.key", random)); }

    // Makes the key file when there is none of that name.
    repo::RepositoryOptions Options(const std::string& key = "main.key") {
        std::string path = keys / key;
        if (!std::filesystem::exists(path)) {
            EXPECT_TRUE(repo::CreateUserKeyFile(path, random));
        }
        return {.uri = "memory:", .key_uri = "file://" + path, .clock = &clock};
    }
    static repo::RepositoryOptions Unsealed() { return {.uri = "memory:", .encryption_off = true}; }

    std::unique_ptr<storage::Storage> Storage() { return std::make_unique<MemoryStorage>(disk); }
    base::Result<std::unique_ptr<repo::Repository>> Init(const repo::RepositoryOptions& options) {
        return repo::Repository::Init(Storage(), options, random, created);
    }
    base::Result<std::unique_ptr<repo::Repository>> Open(const repo::RepositoryOptions& options) {
        return repo::Repository::Open(Storage(), options);
    }
    // An initialised repository; further calls open it anew.
    std::unique_ptr<repo::Repository> MakeRepository() {
        auto repository = Init(Options());
        EXPECT_TRUE(repository) << repository.error().ToString();
        return std::move(*repository);
    }
    // The cluster "main" in it.
    repo::Incarnation Main(repo::Repository& repository) {
        auto incarnation = repo::Incarnation::Register(repository, "main", kIdentity, clock);
        EXPECT_TRUE(incarnation) << incarnation.error().ToString();
        return std::move(*incarnation);
    }

    static constexpr repo::ClusterIdentity kIdentity{7300000000000000001u, 15, 16u << 20};

    std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
    TemporaryFolder keys;
    ManualClock clock;
    base::Random& random = base::SystemRandom();
    bool created = false;
};

}  // namespace agri::test

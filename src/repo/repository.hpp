// An open repository: its storage, its identity, its keys. Everything above reads and writes
// objects through this. Only Init creates one; opening a folder that is none says "not initialised
// or not mounted" and touches nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "repo/format.pb.h"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"
#include "repo/object.hpp"
#include "storage/storage.hpp"

namespace agri::repo {

struct RepositoryOptions {
    std::string uri;              // "file:///…"
    std::string key_uri;          // "file:///…"; empty only with encryption off
    bool encryption_off = false;  // the operator said so in so many words
    std::string data_directory;   // to refuse a key inside it; empty: no server here
    const base::Clock* clock = &base::SystemClock();  // for what is only shown: "created"
};

class Repository final : public SealingContext {
   public:
    // Makes a new repository, or opens the one that is already there with the same key
    // (idempotent). `created` tells which. kConflict when what is there is not ours or has another
    // key.
    static base::Result<std::unique_ptr<Repository>> Init(std::unique_ptr<storage::Storage> storage,
                                                          const RepositoryOptions& options,
                                                          base::Random& random, bool& created);
    static base::Result<std::unique_ptr<Repository>> Open(std::unique_ptr<storage::Storage> storage,
                                                          const RepositoryOptions& options);

    // Whether this repository still stands there: kNotInitialized when none does, kConflict when
    // another was made in its place, which this one's keys do not open.
    base::Status CheckSame() const;

    storage::Storage& storage() const { return *storage_; }
    const RepositoryId& repository_id() const override { return repository_id_; }
    codec::SealingMethod method() const override { return method_; }
    uint32_t current_key_version() const override;
    ObjectHeader NewHeader(ObjectKind kind) const override;
    base::Result<codec::ObjectKey> KeyFor(const ObjectHeader& header,
                                          std::string_view object_name) const override;
    // Slots of the newest key version, of any kind; 0 without sealing.
    size_t key_slot_count() const;

   private:
    Repository() = default;
    static base::Result<std::unique_ptr<Repository>> OpenWith(
        std::unique_ptr<storage::Storage> storage, const RepositoryOptions& options,
        const codec::Secret& user_key);
    std::unique_ptr<storage::Storage> storage_;
    RepositoryId repository_id_{};
    codec::SealingMethod method_ = codec::SealingMethod::kAes256Gcm;
    std::unique_ptr<Keyring> keyring_;
};

struct ClusterIdentity {
    uint64_t system_identifier = 0;
    uint32_t major_version = 0;
    uint64_t wal_segment_size = 0;  // bytes, a power of two, 1 MiB to 1 GiB

    bool operator==(const ClusterIdentity&) const = default;
};
ClusterIdentity IdentityOf(const format::Incarnation& info);

// One cluster name in one repository, at one incarnation: what backup, archive and restore work on.
class Incarnation {
   public:
    // Registers the cluster if the name is unused; otherwise its newest incarnation must have this
    // identity: kConflict names both system identifiers and the way out (`agri_backup upgrade`, or
    // another name). Idempotent.
    static base::Result<Incarnation> Register(Repository& repository, const std::string& cluster,
                                              const ClusterIdentity& identity,
                                              const base::Clock& clock);
    // `agri_backup upgrade`: a new incarnation with this identity, after pg_upgrade or a new initdb
    // under the same name; the earlier ones stay restorable. OK when the newest one has it already;
    // kNotFound when the name is unknown.
    static base::Result<Incarnation> Upgrade(Repository& repository, const std::string& cluster,
                                             const ClusterIdentity& identity,
                                             const base::Clock& clock);
    // The incarnation with this identity, for a server. kNotFound when the name is unknown (hint:
    // init), kConflict when the identity is another.
    static base::Result<Incarnation> Open(Repository& repository, const std::string& cluster,
                                          const ClusterIdentity& identity);
    // The newest incarnation, or the one of that number: for restore and info without a server.
    static base::Result<Incarnation> OpenNewest(Repository& repository, const std::string& cluster,
                                                std::optional<uint32_t> number = std::nullopt);
    // The newest incarnation with this identity, in force or not: whose WAL a data directory needs.
    // kNotFound when none has it.
    static base::Result<Incarnation> OpenKnown(Repository& repository, const std::string& cluster,
                                               const ClusterIdentity& identity);
    // The newest incarnation that holds the backup; the newest of all when none does.
    static base::Result<Incarnation> OpenHolding(Repository& repository, const std::string& cluster,
                                                 std::string_view backup_id);
    static base::Result<std::vector<format::Incarnation>> List(Repository& repository,
                                                               const std::string& cluster);

    Repository& repository() const { return *repository_; }
    const std::string& cluster() const { return cluster_; }
    const format::Incarnation& info() const { return info_; }
    const layout::IncarnationKeys& keys() const { return keys_; }

   private:
    Incarnation(Repository& repository, std::string cluster, format::Incarnation info);
    // Open, for callers that may have found what a dead writer left before it was durable.
    static base::Result<Incarnation> OpenDurably(Repository& repository, const std::string& cluster,
                                                 const ClusterIdentity& identity);
    Repository* repository_;
    std::string cluster_;
    format::Incarnation info_;
    layout::IncarnationKeys keys_;
};

// Cluster names in the repository, sorted.
base::Result<std::vector<std::string>> ListClusters(Repository& repository);

}  // namespace agri::repo

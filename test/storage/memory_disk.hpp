// A disk in memory for tests of every layer above storage: it counts operations, can lose its power
// after any of them, forgets then what was not durable, and fails on request. What it promises is
// what the contract promises and no more. Attach storages to it with memory_storage.hpp.
//
// To try a power loss at every point: run the scenario once, note operations(), then for each n
// below make a new disk, CutPowerAfter(n), run, PowerOn(), and look.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace agri::test {

enum class Operation {
    kCreate,
    kAppend,
    kPublish,  // first half of Commit(): the object appears
    kSync,     // the second half of Commit() and Remove(), and EnsureDurable(): it is durable
    kOpen,
    kRead,
    kStat,
    kList,
    kRemove,  // first half of Remove(): the object disappears
    kOther,   // Space, RemoveLitter
};

// What becomes of published but unsynced changes in a power loss; a real disk may do either.
enum class Unsynced { kLost, kKept };

struct Fault {
    Operation operation = Operation::kRead;
    base::ErrorCode code = base::ErrorCode::kUnavailable;
    std::string key_contains;  // only keys that hold this; empty: all
    int skip = 0;              // matching operations that succeed first
    int times = 1;             // then so many fail
};

// Thread-safe. Shared by all storages attached to it, as a real disk is by several processes.
class MemoryDisk {
   public:
    using Content = std::shared_ptr<const base::Bytes>;
    using Objects = std::map<std::string, Content, std::less<>>;

    void Fail(Fault fault) {
        std::lock_guard lock(mutex_);
        faults_.push_back(std::move(fault));
    }
    // So many more operations succeed; every later one is kUnavailable until PowerOn().
    void CutPowerAfter(uint64_t operations) {
        std::lock_guard lock(mutex_);
        power_ends_ = operations_ + operations;
    }
    // Writers that were open before stay dead.
    void PowerOn(Unsynced unsynced) {
        std::lock_guard lock(mutex_);
        (unsynced == Unsynced::kLost ? visible_ : durable_) =
            unsynced == Unsynced::kLost ? durable_ : visible_;
        litter_ += open_writers_;
        open_writers_ = 0;
        power_ends_.reset();
        epoch_++;
    }
    // Operations asked for so far, failed ones included.
    uint64_t operations() const {
        std::lock_guard lock(mutex_);
        return operations_;
    }

    // The state as the storages show it, for looking at and tampering with behind their back.
    Objects Snapshot() const {
        std::lock_guard lock(mutex_);
        return visible_;
    }
    void Overwrite(const std::string& key, base::Bytes content) {
        std::lock_guard lock(mutex_);
        visible_[key] = durable_[key] = std::make_shared<const base::Bytes>(std::move(content));
    }
    void Erase(const std::string& key) {
        std::lock_guard lock(mutex_);
        visible_.erase(key);
        durable_.erase(key);
    }

   private:
    friend class MemoryStorage;
    friend class MemoryWriter;
    friend class MemoryReader;

    // Counts an operation and decides whether it fails. The caller holds the lock.
    base::Status Begin(Operation operation, std::string_view key) {
        bool powered = !power_ends_ || operations_ < *power_ends_;
        operations_++;
        if (!powered)
            return base::MakeError(base::ErrorCode::kUnavailable, "\"{}\": no power", key);
        for (Fault& fault : faults_) {
            if (fault.operation != operation || fault.times == 0) continue;
            if (key.find(fault.key_contains) == std::string_view::npos) continue;
            if (fault.skip-- > 0) continue;
            fault.skip = 0;
            fault.times--;
            return base::MakeError(fault.code, "\"{}\": injected fault", key);
        }
        return {};
    }
    base::Status Sync(std::string_view key) {
        AGRI_TRY(Begin(Operation::kSync, key));
        auto found = visible_.find(key);
        if (found == visible_.end())
            durable_.erase(std::string(key));
        else
            durable_[found->first] = found->second;
        return {};
    }

    mutable std::mutex mutex_;
    Objects visible_, durable_;
    std::vector<Fault> faults_;
    uint64_t operations_ = 0;
    std::optional<uint64_t> power_ends_;
    uint64_t epoch_ = 0;
    uint64_t open_writers_ = 0;
    uint64_t litter_ = 0;
};

}  // namespace agri::test

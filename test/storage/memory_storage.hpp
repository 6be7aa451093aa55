// The storage contract over a MemoryDisk. Passes the same conformance suite as the real drivers, so
// a test above storage may take it for one.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "storage/keys.hpp"
#include "storage/memory_disk.hpp"
#include "storage/storage.hpp"

namespace agri::test {

class MemoryWriter final : public storage::ObjectWriter {
   public:
    // The caller holds the disk's lock.
    MemoryWriter(std::shared_ptr<MemoryDisk> disk, std::string key)
        : disk_(std::move(disk)), key_(std::move(key)), epoch_(disk_->epoch_) {
        disk_->open_writers_++;
    }
    ~MemoryWriter() override {
        std::lock_guard lock(disk_->mutex_);
        if (disk_->epoch_ == epoch_) disk_->open_writers_--;
    }
    base::Status Append(base::ByteView data) override {
        std::lock_guard lock(disk_->mutex_);
        if (state_) state_ = Check(disk_->Begin(Operation::kAppend, key_));
        if (state_) content_.insert(content_.end(), data.begin(), data.end());
        return state_;
    }
    base::Result<storage::PutOutcome> Commit() override {
        std::lock_guard lock(disk_->mutex_);
        if (state_) state_ = Check(disk_->Begin(Operation::kPublish, key_));
        if (!state_) return state_.error();
        state_ = base::MakeError(base::ErrorCode::kInternal, "\"{}\" is finished", key_);
        auto content = std::make_shared<const base::Bytes>(std::move(content_));
        if (!disk_->visible_.emplace(key_, std::move(content)).second)
            return storage::PutOutcome::kExists;
        AGRI_TRY(disk_->Sync(key_));
        return storage::PutOutcome::kCreated;
    }

   private:
    base::Status Check(base::Status status) const {
        if (status && disk_->epoch_ != epoch_)
            return base::MakeError(base::ErrorCode::kUnavailable, "\"{}\": lost its power", key_);
        return status;
    }

    const std::shared_ptr<MemoryDisk> disk_;
    const std::string key_;
    const uint64_t epoch_;
    base::Bytes content_;
    base::Status state_;
};

class MemoryReader final : public storage::ObjectReader {
   public:
    MemoryReader(std::shared_ptr<MemoryDisk> disk, std::string key, MemoryDisk::Content content)
        : disk_(std::move(disk)), key_(std::move(key)), content_(std::move(content)) {}
    uint64_t size_bytes() const override { return content_->size(); }
    base::Status Read(uint64_t offset, base::MutableBytes out) const override {
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kRead, key_));
        if (offset > content_->size() || out.size() > content_->size() - offset)
            return base::MakeError(base::ErrorCode::kCorrupt, "object \"{}\" ends early", key_);
        std::copy_n(content_->begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
        return {};
    }

   private:
    const std::shared_ptr<MemoryDisk> disk_;
    const std::string key_;
    const MemoryDisk::Content content_;
};

class MemoryStorage final : public storage::Storage {
   public:
    explicit MemoryStorage(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}

    base::Result<std::unique_ptr<storage::ObjectWriter>> Create(std::string_view key) override {
        AGRI_TRY(storage::CheckKey(key));
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kCreate, key));
        return std::unique_ptr<storage::ObjectWriter>(new MemoryWriter(disk_, std::string(key)));
    }
    base::Result<std::unique_ptr<storage::ObjectReader>> Open(std::string_view key) override {
        AGRI_TRY(storage::CheckKey(key));
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kOpen, key));
        auto found = disk_->visible_.find(key);
        if (found == disk_->visible_.end()) return Missing(key);
        return std::unique_ptr<storage::ObjectReader>(
            new MemoryReader(disk_, found->first, found->second));
    }
    base::Result<std::optional<uint64_t>> Stat(std::string_view key) override {
        AGRI_TRY(storage::CheckKey(key));
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kStat, key));
        auto found = disk_->visible_.find(key);
        if (found == disk_->visible_.end()) return std::optional<uint64_t>();
        return std::optional<uint64_t>(found->second->size());
    }
    base::Status List(
        std::string_view prefix,
        const std::function<base::Status(const storage::ObjectInfo&)>& visit) override {
        AGRI_ASSIGN(auto objects, Below(prefix));
        for (const storage::ObjectInfo& object : objects) AGRI_TRY(visit(object));
        return {};
    }
    base::Result<std::vector<std::string>> Children(std::string_view prefix) override {
        AGRI_ASSIGN(auto objects, Below(prefix));
        std::set<std::string> names;
        for (const storage::ObjectInfo& object : objects) {
            std::string rest = object.key.substr(prefix.size());
            names.insert(rest.substr(0, rest.find('/')));
        }
        return std::vector<std::string>(names.begin(), names.end());
    }
    base::Status Remove(std::string_view key) override {
        AGRI_TRY(storage::CheckKey(key));
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kRemove, key));
        disk_->visible_.erase(std::string(key));
        return disk_->Sync(key);
    }
    base::Status EnsureDurable(std::string_view key) override {
        AGRI_TRY(storage::CheckKey(key));
        std::lock_guard lock(disk_->mutex_);
        if (!disk_->visible_.contains(key)) return Missing(key);
        return disk_->Sync(key);
    }
    base::Result<std::optional<storage::SpaceInfo>> Space() override {
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kOther, ""));
        return std::optional<storage::SpaceInfo>();
    }
    base::Result<uint64_t> RemoveLitter() override {
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kOther, ""));
        return std::exchange(disk_->litter_, 0);
    }
    std::string Describe() const override { return "memory:"; }

   private:
    static base::Error Missing(std::string_view key) {
        return base::MakeError(base::ErrorCode::kNotFound, "object \"{}\" does not exist", key);
    }
    // A copy, so that a visitor may use the storage.
    base::Result<std::vector<storage::ObjectInfo>> Below(std::string_view prefix) {
        AGRI_TRY(storage::CheckPrefix(prefix));
        std::lock_guard lock(disk_->mutex_);
        AGRI_TRY(disk_->Begin(Operation::kList, prefix));
        std::vector<storage::ObjectInfo> objects;
        for (const auto& [key, content] : disk_->visible_)
            if (key.starts_with(prefix)) objects.push_back({key, content->size()});
        return objects;
    }

    const std::shared_ptr<MemoryDisk> disk_;
};

}  // namespace agri::test

// Passes every call on: the base of doubles that change one of them.
#pragma once

#include <memory>

#include "storage/storage.hpp"

namespace agri::test {

class ForwardingStorage : public storage::Storage {
   public:
    explicit ForwardingStorage(std::unique_ptr<storage::Storage> inner)
        : inner_(std::move(inner)) {}
    base::Result<std::unique_ptr<storage::ObjectWriter>> Create(std::string_view key) override {
        return inner_->Create(key);
    }
    base::Result<std::unique_ptr<storage::ObjectReader>> Open(std::string_view key) override {
        return inner_->Open(key);
    }
    base::Result<std::optional<uint64_t>> Stat(std::string_view key) override {
        return inner_->Stat(key);
    }
    base::Status List(
        std::string_view prefix,
        const std::function<base::Status(const storage::ObjectInfo&)>& visit) override {
        return inner_->List(prefix, visit);
    }
    base::Result<std::vector<std::string>> Children(std::string_view prefix) override {
        return inner_->Children(prefix);
    }
    base::Status Remove(std::string_view key) override { return inner_->Remove(key); }
    base::Status EnsureDurable(std::string_view key) override { return inner_->EnsureDurable(key); }
    base::Result<std::optional<storage::SpaceInfo>> Space() override { return inner_->Space(); }
    base::Result<uint64_t> RemoveLitter() override { return inner_->RemoveLitter(); }
    std::string Describe() const override { return inner_->Describe(); }

   private:
    const std::unique_ptr<storage::Storage> inner_;
};

}  // namespace agri::test

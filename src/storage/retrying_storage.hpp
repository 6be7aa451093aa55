// A decorator that asks again where asking again is safe: everything but writing. A writer's Append
// would write twice what may have arrived; a failed Commit may have published. Those errors
// surface, and the caller, who has the source, writes anew. (A driver may declare a repeated Commit
// safe.)
#pragma once

#include <memory>

#include "storage/retry_policy.hpp"
#include "storage/storage.hpp"

namespace agri::storage {

class RetryingStorage final : public Storage {
   public:
    RetryingStorage(std::unique_ptr<Storage> inner, std::shared_ptr<const RetryPolicy> policy);
    // Only the start of a write is retried: nothing is visible by then.
    base::Result<std::unique_ptr<ObjectWriter>> Create(std::string_view key) override;
    base::Result<std::unique_ptr<ObjectReader>> Open(std::string_view key) override;
    base::Result<std::optional<uint64_t>> Stat(std::string_view key) override;
    // After an interruption goes on behind the last object visited: none is visited twice.
    base::Status List(std::string_view prefix,
                      const std::function<base::Status(const ObjectInfo&)>& visit) override;
    base::Result<std::vector<std::string>> Children(std::string_view prefix) override;
    base::Status Remove(std::string_view key) override;
    base::Status EnsureDurable(std::string_view key) override;
    base::Result<std::optional<SpaceInfo>> Space() override;
    base::Result<uint64_t> RemoveLitter() override;
    std::string Describe() const override { return inner_->Describe(); }

   private:
    const std::unique_ptr<Storage> inner_;
    const std::shared_ptr<const RetryPolicy> policy_;
};

}  // namespace agri::storage

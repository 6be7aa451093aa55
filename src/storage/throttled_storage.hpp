// A decorator that keeps object content below a rate, up and down separately, so that a backup
// leaves room for the database's own traffic. Listings and other small requests pass freely.
// Several storages may share the limiters.
#pragma once

#include <memory>

#include "storage/rate_limiter.hpp"
#include "storage/storage.hpp"

namespace agri::storage {

class ThrottledStorage final : public Storage {
   public:
    ThrottledStorage(std::unique_ptr<Storage> inner, std::shared_ptr<RateLimiter> up,
                     std::shared_ptr<RateLimiter> down);
    base::Result<std::unique_ptr<ObjectWriter>> Create(std::string_view key) override;
    base::Result<std::unique_ptr<ObjectReader>> Open(std::string_view key) override;
    base::Result<std::optional<uint64_t>> Stat(std::string_view key) override;
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
    const std::shared_ptr<RateLimiter> up_, down_;
};

}  // namespace agri::storage

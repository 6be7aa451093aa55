// Waits before content moves. Writes are cut into slices so that they flow evenly; a read stays one
// request, for object storage charges and waits by the request.
#include "storage/throttled_storage.hpp"

#include <algorithm>

namespace agri::storage {

using base::Result;
using base::Status;

namespace {

class ThrottledReader final : public ObjectReader {
   public:
    ThrottledReader(std::unique_ptr<ObjectReader> inner, std::shared_ptr<RateLimiter> down)
        : inner_(std::move(inner)), down_(std::move(down)) {}
    uint64_t size_bytes() const override { return inner_->size_bytes(); }
    Status Read(uint64_t offset, base::MutableBytes out) const override {
        AGRI_TRY(down_->Acquire(out.size()));
        return inner_->Read(offset, out);
    }

   private:
    const std::unique_ptr<ObjectReader> inner_;
    const std::shared_ptr<RateLimiter> down_;
};

class ThrottledWriter final : public ObjectWriter {
   public:
    ThrottledWriter(std::unique_ptr<ObjectWriter> inner, std::shared_ptr<RateLimiter> up)
        : inner_(std::move(inner)), up_(std::move(up)) {}
    Status Append(base::ByteView data) override {
        while (!data.empty()) {
            base::ByteView slice = data.first(std::min<uint64_t>(data.size(), up_->slice_bytes()));
            // Remembered: after a cancelled wait the object lacks bytes and must not be committed.
            if (state_) state_ = up_->Acquire(slice.size());
            if (state_) state_ = inner_->Append(slice);
            if (!state_) return state_;
            data = data.subspan(slice.size());
        }
        return state_;
    }
    Result<PutOutcome> Commit() override {
        if (!state_) return state_.error();
        return inner_->Commit();
    }
    bool CanRepeatCommit() const override { return inner_->CanRepeatCommit(); }

   private:
    const std::unique_ptr<ObjectWriter> inner_;
    const std::shared_ptr<RateLimiter> up_;
    Status state_;
};

}  // namespace

ThrottledStorage::ThrottledStorage(std::unique_ptr<Storage> inner, std::shared_ptr<RateLimiter> up,
                                   std::shared_ptr<RateLimiter> down)
    : inner_(std::move(inner)), up_(std::move(up)), down_(std::move(down)) {}

Result<std::unique_ptr<ObjectWriter>> ThrottledStorage::Create(std::string_view key) {
    AGRI_ASSIGN(auto writer, inner_->Create(key));
    return std::unique_ptr<ObjectWriter>(new ThrottledWriter(std::move(writer), up_));
}

Result<std::unique_ptr<ObjectReader>> ThrottledStorage::Open(std::string_view key) {
    AGRI_ASSIGN(auto reader, inner_->Open(key));
    return std::unique_ptr<ObjectReader>(new ThrottledReader(std::move(reader), down_));
}

Result<std::optional<uint64_t>> ThrottledStorage::Stat(std::string_view key) {
    return inner_->Stat(key);
}

Status ThrottledStorage::List(std::string_view prefix,
                              const std::function<Status(const ObjectInfo&)>& visit) {
    return inner_->List(prefix, visit);
}

Result<std::vector<std::string>> ThrottledStorage::Children(std::string_view prefix) {
    return inner_->Children(prefix);
}

Status ThrottledStorage::Remove(std::string_view key) { return inner_->Remove(key); }

Status ThrottledStorage::EnsureDurable(std::string_view key) { return inner_->EnsureDurable(key); }

Result<std::optional<SpaceInfo>> ThrottledStorage::Space() { return inner_->Space(); }

Result<uint64_t> ThrottledStorage::RemoveLitter() { return inner_->RemoveLitter(); }

}  // namespace agri::storage

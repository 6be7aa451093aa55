// Each call handed to the retry policy, and the two that need more than that: writers and listings.
#include "storage/retrying_storage.hpp"

namespace agri::storage {

using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

class RetryingReader final : public ObjectReader {
   public:
    RetryingReader(std::unique_ptr<ObjectReader> inner, std::shared_ptr<const RetryPolicy> policy)
        : inner_(std::move(inner)), policy_(std::move(policy)) {}
    uint64_t size_bytes() const override { return inner_->size_bytes(); }
    Status Read(uint64_t offset, base::MutableBytes out) const override {
        return policy_->Run<void>(Retrying::kRead, [&] { return inner_->Read(offset, out); });
    }

   private:
    const std::unique_ptr<ObjectReader> inner_;
    const std::shared_ptr<const RetryPolicy> policy_;
};

class RetryingWriter final : public ObjectWriter {
   public:
    RetryingWriter(std::unique_ptr<ObjectWriter> inner, std::shared_ptr<const RetryPolicy> policy)
        : inner_(std::move(inner)), policy_(std::move(policy)) {}
    Status Append(base::ByteView data) override { return inner_->Append(data); }
    Result<PutOutcome> Commit() override {
        Result<PutOutcome> outcome = inner_->Commit();
        if (outcome || outcome.error().code != ErrorCode::kUnavailable || !CanRepeatCommit())
            return outcome;
        return policy_->Run<PutOutcome>(Retrying::kIdempotentWrite,
                                        [&] { return inner_->Commit(); });
    }
    bool CanRepeatCommit() const override { return inner_->CanRepeatCommit(); }

   private:
    const std::unique_ptr<ObjectWriter> inner_;
    const std::shared_ptr<const RetryPolicy> policy_;
};

}  // namespace

RetryingStorage::RetryingStorage(std::unique_ptr<Storage> inner,
                                 std::shared_ptr<const RetryPolicy> policy)
    : inner_(std::move(inner)), policy_(std::move(policy)) {}

Result<std::unique_ptr<ObjectWriter>> RetryingStorage::Create(std::string_view key) {
    AGRI_ASSIGN(auto writer, policy_->Run<std::unique_ptr<ObjectWriter>>(
                                 Retrying::kIdempotentWrite, [&] { return inner_->Create(key); }));
    return std::unique_ptr<ObjectWriter>(new RetryingWriter(std::move(writer), policy_));
}

Result<std::unique_ptr<ObjectReader>> RetryingStorage::Open(std::string_view key) {
    AGRI_ASSIGN(auto reader, policy_->Run<std::unique_ptr<ObjectReader>>(
                                 Retrying::kRead, [&] { return inner_->Open(key); }));
    return std::unique_ptr<ObjectReader>(new RetryingReader(std::move(reader), policy_));
}

Result<std::optional<uint64_t>> RetryingStorage::Stat(std::string_view key) {
    return policy_->Run<std::optional<uint64_t>>(Retrying::kRead,
                                                 [&] { return inner_->Stat(key); });
}

Status RetryingStorage::List(std::string_view prefix,
                             const std::function<Status(const ObjectInfo&)>& visit) {
    std::string last_key;
    // The visitor's own error, which may have a code that would be retried, ends the listing.
    Status visited;
    Status listed = policy_->Run<void>(Retrying::kRead, [&]() -> Status {
        Status attempt = inner_->List(prefix, [&](const ObjectInfo& object) -> Status {
            if (object.key <= last_key) return {};
            last_key = object.key;
            visited = visit(object);
            return visited;
        });
        return visited ? attempt : Status();
    });
    return visited ? listed : visited;
}

Result<std::vector<std::string>> RetryingStorage::Children(std::string_view prefix) {
    return policy_->Run<std::vector<std::string>>(Retrying::kRead,
                                                  [&] { return inner_->Children(prefix); });
}

Status RetryingStorage::Remove(std::string_view key) {
    return policy_->Run<void>(Retrying::kIdempotentWrite, [&] { return inner_->Remove(key); });
}

Status RetryingStorage::EnsureDurable(std::string_view key) {
    return policy_->Run<void>(Retrying::kIdempotentWrite,
                              [&] { return inner_->EnsureDurable(key); });
}

Result<std::optional<SpaceInfo>> RetryingStorage::Space() {
    return policy_->Run<std::optional<SpaceInfo>>(Retrying::kRead, [&] { return inner_->Space(); });
}

Result<uint64_t> RetryingStorage::RemoveLitter() {
    return policy_->Run<uint64_t>(Retrying::kIdempotentWrite,
                                  [&] { return inner_->RemoveLitter(); });
}

}  // namespace agri::storage

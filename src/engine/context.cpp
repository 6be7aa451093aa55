#include "engine/context.hpp"

#include <atomic>

#include "storage/retrying_storage.hpp"
#include "storage/storage.hpp"
#include "storage/throttled_storage.hpp"

namespace agri::engine {

namespace {

using StoragePtr = std::unique_ptr<storage::Storage>;

// What may pass at once after idleness.
constexpr uint64_t kBurstBytes = 1u << 20;
constexpr std::chrono::seconds kWaitMessagePause(30);

// Nobody waits for storage in silence: the first wait is told at once, and then one now and again,
// however many threads there are.
std::function<void(const base::Error&)> TellOfWaiting(const Context& context) {
    auto next = std::make_shared<std::atomic<base::MonotonicTime>>(base::MonotonicTime::min());
    return [next, &clock = context.clock, log = context.log](const base::Error& error) {
        const base::MonotonicTime now = clock.Monotonic();
        base::MonotonicTime due = next->load();
        if (now >= due && next->compare_exchange_strong(due, now + kWaitMessagePause))
            log->warn("waiting to try again: {}", error.ToString());
    };
}

// Retrying is inside: what is sent again counts against the rate only once it went through.
StoragePtr Decorate(StoragePtr storage, const Context& context) {
    const storage::Waiter wait = storage::WaitOn(context.cancel);
    storage::RetryOptions retry;
    retry.on_wait = TellOfWaiting(context);
    if (context.storage_patience) retry.deadline = *context.storage_patience;
    storage = std::make_unique<storage::RetryingStorage>(
        std::move(storage), std::make_shared<storage::RetryPolicy>(std::move(retry), context.clock,
                                                                   context.random, wait));
    const uint64_t rate = context.settings.rate_limit_bytes;
    if (rate == 0) return storage;
    auto limiter = [&] {
        return std::make_shared<storage::RateLimiter>(rate, kBurstBytes, context.clock, wait);
    };
    return std::make_unique<storage::ThrottledStorage>(std::move(storage), limiter(), limiter());
}

}  // namespace

base::Result<std::unique_ptr<repo::Repository>> OpenRepository(const RepositorySettings& repository,
                                                               const Context& context,
                                                               const std::string& data_directory) {
    AGRI_ASSIGN(auto storage, storage::OpenStorage(repository.uri));
    storage = Decorate(std::move(storage), context);
    repo::RepositoryOptions options;
    options.uri = repository.uri;
    options.key_uri = repository.key_uri;
    options.encryption_off = repository.encryption_off;
    options.data_directory = data_directory;
    return repo::Repository::Open(std::move(storage), options);
}

}  // namespace agri::engine

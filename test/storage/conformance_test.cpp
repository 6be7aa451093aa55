// The conformance suite over every storage there is.
#include "storage/conformance.hpp"

#include "base/temporary_folder.hpp"
#include "storage/faulty_posix.hpp"
#include "storage/manual_time.hpp"
#include "storage/memory_storage.hpp"
#include "storage/posix_storage.hpp"
#include "storage/retrying_storage.hpp"
#include "storage/throttled_storage.hpp"

namespace agri::test {
namespace {

struct PosixFixture {
    std::unique_ptr<storage::Storage> Open() {
        return storage::OpenStorage("file://" + folder.path()).value();
    }
    TemporaryFolder folder;
};

// The machine's syncs cost seconds and are tested above.
struct UnsyncedPosixFixture : PosixFixture {
    std::unique_ptr<storage::Storage> Open() {
        return storage::PosixStorage::Open(folder.path(), CallsWithoutSync()).value();
    }
};

// No hard links, as on some FUSE and SMB filesystems: objects are renamed into place.
struct PosixWithoutLinksFixture : PosixFixture {
    std::unique_ptr<storage::Storage> Open() {
        storage::PosixCalls calls = CallsWithoutSync();
        calls.linkat = [](int, const char*, int, const char*, int) {
            errno = EPERM;
            return -1;
        };
        return storage::PosixStorage::Open(folder.path(), calls).value();
    }
};

struct MemoryFixture {
    std::unique_ptr<storage::Storage> Open() { return std::make_unique<MemoryStorage>(disk); }
    std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
};

struct TimeFixture {
    ManualClock clock;
    ManualWaits waits{clock};
    ConstantRandom random{std::byte(0xff)};
};

template <class Inner>
struct RetryingFixture {
    std::unique_ptr<storage::Storage> Open() {
        return std::make_unique<storage::RetryingStorage>(inner.Open(), policy);
    }
    Inner inner;
    TimeFixture time;
    std::shared_ptr<storage::RetryPolicy> policy = std::make_shared<storage::RetryPolicy>(
        storage::RetryOptions{}, time.clock, time.random, time.waits.waiter());
};

template <class Inner>
struct ThrottledFixture {
    std::unique_ptr<storage::Storage> Open() {
        return std::make_unique<storage::ThrottledStorage>(inner.Open(), limiter, limiter);
    }
    Inner inner;
    TimeFixture time;
    std::shared_ptr<storage::RateLimiter> limiter =
        std::make_shared<storage::RateLimiter>(100'000, 1000, time.clock, time.waits.waiter());
};

using Drivers = testing::Types<PosixFixture, PosixWithoutLinksFixture, MemoryFixture,
                               RetryingFixture<MemoryFixture>, ThrottledFixture<MemoryFixture>,
                               ThrottledFixture<RetryingFixture<UnsyncedPosixFixture>>>;

}  // namespace

AGRI_INSTANTIATE_STORAGE_CONFORMANCE(All, Drivers);

}  // namespace agri::test

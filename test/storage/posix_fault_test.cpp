// The posix driver when system calls fail: every call of every operation, one after the other, with
// several errors. Each operation must then answer rightly or report an error, and never call an
// object missing, show half of one, or spoil the next attempt.
#include <gtest/gtest.h>

#include "base/temporary_folder.hpp"
#include "storage/faulty_posix.hpp"
#include "storage/manual_time.hpp"
#include "storage/posix_storage.hpp"
#include "storage/retrying_storage.hpp"

namespace agri::test {
namespace {

using base::AsBytes;
using base::ErrorCode;
using storage::ObjectInfo;
using storage::PosixStorage;
using storage::PutOutcome;

constexpr int kErrors[] = {EIO, ENOSPC, ESTALE, EACCES, EROFS, EDQUOT};

class PosixFaultTest : public testing::TestWithParam<int> {
   protected:
    struct Attempt {
        TemporaryFolder folder;
        FaultyPosix posix;
        std::unique_ptr<storage::Storage> storage =
            PosixStorage::Open(folder.path(), posix.calls()).value();
    };
    // The repository as an unhurt process sees it.
    static std::unique_ptr<storage::Storage> Unhurt(const TemporaryFolder& folder) {
        return PosixStorage::Open(folder.path(), CallsWithoutSync()).value();
    }
    static std::string Get(storage::Storage& storage, const char* key) {
        auto content = storage.Get(key, 1000);
        if (content) return std::string(base::AsText(*content));
        return std::string(base::ErrorCodeName(content.error().code));
    }
    static std::vector<std::string> List(storage::Storage& storage) {
        std::vector<std::string> keys;
        EXPECT_TRUE(storage.List("", [&](const ObjectInfo& object) -> base::Status {
            keys.push_back(object.key);
            return {};
        }));
        return keys;
    }
    static size_t TemporaryFiles(const TemporaryFolder& folder) {
        std::filesystem::directory_iterator files(folder / ".tmp");
        return static_cast<size_t>(std::distance(begin(files), end(files)));
    }
    // Runs `operation` with every one of its calls failing in turn; it returns whether it gave the
    // right answer, or its error.
    template <class Operation>
    void FailEachCall(const Operation& operation) {
        FailEachCall(operation, [](storage::Storage&) {});
    }
    // The same; `after` looks at the repository once the operation was repeated.
    template <class Operation, class After>
    void FailEachCall(const Operation& operation, const After& after) {
        for (uint64_t number = 0;; number++) {
            Attempt attempt;
            ASSERT_EQ(Unhurt(attempt.folder)->Put(kSampleKey, AsBytes(kSampleContent)),
                      PutOutcome::kCreated);
            attempt.posix.FailCall(number, GetParam());
            base::Result<bool> answer = operation(*attempt.storage);
            SCOPED_TRACE(attempt.posix.failed() + " as call " + std::to_string(number));
            if (answer)
                EXPECT_TRUE(*answer);
            else
                EXPECT_NE(answer.error().code, ErrorCode::kNotFound) << answer.error().ToString();
            attempt.posix.FailNoCall();
            if (attempt.posix.failed().empty()) {
                ASSERT_TRUE(answer);
                ASSERT_GT(number, 0u);
                return;
            }
            base::Result<bool> again = operation(*attempt.storage);
            EXPECT_TRUE(again && *again);
            after(*Unhurt(attempt.folder));
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Errors, PosixFaultTest, testing::ValuesIn(kErrors),
                         [](const auto& info) { return strerrorname_np(info.param); });

TEST_P(PosixFaultTest, Put_AnyCallFails_ShowsAllOrNothingAndCanBeRepeated) {
    std::set<std::string> failed_calls;
    for (uint64_t number = 0;; number++) {
        Attempt attempt;
        attempt.posix.FailCall(number, GetParam());
        auto outcome = attempt.storage->Put(kSampleKey, AsBytes(kSampleContent));
        attempt.posix.FailNoCall();
        const std::string failed = attempt.posix.failed();
        SCOPED_TRACE(failed + " as call " + std::to_string(number));
        auto unhurt = Unhurt(attempt.folder);
        std::string shown = Get(*unhurt, kSampleKey);
        if (outcome)
            EXPECT_EQ(shown, kSampleContent);
        else
            EXPECT_TRUE(shown == kSampleContent || shown == "not_found") << shown;
        EXPECT_FALSE(outcome && (failed == "fsync" || failed == "write"));
        EXPECT_EQ(List(*unhurt).size(), shown == kSampleContent ? 1u : 0u);
        EXPECT_EQ(std::filesystem::exists(attempt.folder / "a"), shown == kSampleContent);

        auto again = attempt.storage->Put(kSampleKey, AsBytes(kSampleContent));
        ASSERT_TRUE(again) << again.error().ToString();
        EXPECT_EQ(*again, shown == kSampleContent ? PutOutcome::kExists : PutOutcome::kCreated);
        EXPECT_TRUE(attempt.storage->EnsureDurable(kSampleKey));
        EXPECT_EQ(Get(*unhurt, kSampleKey), kSampleContent);
        EXPECT_EQ(TemporaryFiles(attempt.folder), failed == "unlinkat" ? 1u : 0u);
        failed_calls.insert(failed);
        if (failed.empty()) break;
    }
    for (const char* call : {"openat", "mkdirat", "write", "fsync", "linkat", "unlinkat"})
        EXPECT_TRUE(failed_calls.contains(call)) << call;
}

TEST_P(PosixFaultTest, Get_AnyCallFails_IsNeverNotFound) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        AGRI_ASSIGN(base::Bytes content, storage.Get(kSampleKey, 1000));
        return base::AsText(content) == kSampleContent;
    });
}

TEST_P(PosixFaultTest, Stat_AnyCallFails_IsNeverAbsent) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        AGRI_ASSIGN(auto size, storage.Stat(kSampleKey));
        return size == kSampleContent.size();
    });
}

TEST_P(PosixFaultTest, List_AnyCallFails_IsNeverIncomplete) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        int objects = 0;
        AGRI_TRY(storage.List("", [&](const ObjectInfo&) -> base::Status {
            objects++;
            return {};
        }));
        return objects == 1;
    });
}

TEST_P(PosixFaultTest, Children_AnyCallFails_IsNeverIncomplete) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        AGRI_ASSIGN(auto names, storage.Children("a/"));
        return names == std::vector<std::string>{"b"};
    });
}

TEST_P(PosixFaultTest, Remove_AnyCallFails_IsReportedAndCanBeRepeated) {
    FailEachCall(
        [](storage::Storage& storage) -> base::Result<bool> {
            AGRI_TRY(storage.Remove(kSampleKey));
            return true;
        },
        [](storage::Storage& unhurt) { EXPECT_TRUE(List(unhurt).empty()); });
}

TEST_P(PosixFaultTest, EnsureDurable_AnyCallFails_IsReported) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        AGRI_TRY(storage.EnsureDurable(kSampleKey));
        return true;
    });
}

TEST_P(PosixFaultTest, RemoveLitter_AnyCallFails_HarmsNothing) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        AGRI_ASSIGN(uint64_t removed, storage.RemoveLitter());
        return removed == 0;
    });
}

TEST_P(PosixFaultTest, Space_AnyCallFails_IsReported) {
    FailEachCall([](storage::Storage& storage) -> base::Result<bool> {
        AGRI_ASSIGN(auto space, storage.Space());
        return space.has_value();
    });
}

// A handle of a network file system that went stale is looked up anew by the next attempt.
TEST(PosixStaleHandleTest, AnyCallOfAnyReading_OnceStale_SucceedsWhenTriedAgain) {
    ManualClock clock;
    ManualWaits waits(clock);
    ConstantRandom zero{std::byte(0)};
    TemporaryFolder folder;
    FaultyPosix posix;
    storage::RetryingStorage storage(PosixStorage::Open(folder.path(), posix.calls()).value(),
                                     std::make_shared<storage::RetryPolicy>(
                                         storage::RetryOptions(), clock, zero, waits.waiter()));
    ASSERT_EQ(storage.Put(kSampleKey, AsBytes(kSampleContent)), PutOutcome::kCreated);
    const std::function<bool()> operations[] = {
        [&] { return base::AsText(storage.Get(kSampleKey, 1000).value()) == kSampleContent; },
        [&] { return storage.Stat(kSampleKey).value() == kSampleContent.size(); },
        [&] { return storage.Children("a/b/").value().size() == 1; },
        [&] { return storage.EnsureDurable(kSampleKey).has_value(); }};
    for (const auto& operation : operations) {
        uint64_t failed = 0;
        for (uint64_t number = 0;; ++number) {
            posix.FailCall(number, ESTALE);
            EXPECT_TRUE(operation()) << posix.failed();
            if (posix.failed().empty()) break;
            ++failed;
        }
        posix.FailNoCall();
        EXPECT_GT(failed, 0u);
    }
    EXPECT_GT(waits.waits().size(), 0u);
}

}  // namespace
}  // namespace agri::test

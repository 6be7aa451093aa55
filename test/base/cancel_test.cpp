// Cancellation: base/cancel.hpp.
#include "base/cancel.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <thread>

namespace agri::base {
namespace {

using std::chrono::milliseconds;

bool IsReadable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 0) == 1;
}

TEST(CancelToken, Fresh_IsNotCancelled) {
    const CancelToken token;
    EXPECT_FALSE(token.IsCancelled());
    EXPECT_TRUE(token.Check());
    EXPECT_FALSE(IsReadable(token.fd()));
}

TEST(CancelToken, CancelledTwice_StaysCancelledAndReadable) {
    CancelToken token;
    token.Cancel();
    token.Cancel();
    EXPECT_TRUE(token.IsCancelled());
    EXPECT_EQ(token.Check().error().code, ErrorCode::kCancelled);
    EXPECT_TRUE(IsReadable(token.fd()));
    EXPECT_TRUE(IsReadable(token.fd()));
}

TEST(CancelToken, WaitForNoTime_ReturnsAtOnce) {
    const CancelToken token;
    EXPECT_TRUE(token.WaitFor(milliseconds(0)));
    EXPECT_TRUE(token.WaitFor(milliseconds(-5)));
}

TEST(CancelToken, WaitFor_LastsAtLeastTheDuration) {
    const CancelToken token;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(token.WaitFor(milliseconds(2)));
    EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(2));
}

TEST(CancelToken, CancelDuringAWait_EndsEveryWait) {
    CancelToken token;
    auto wait_for_ever = [&] {
        EXPECT_EQ(token.WaitFor(milliseconds::max()).error().code, ErrorCode::kCancelled);
    };
    std::thread first(wait_for_ever), second(wait_for_ever);
    token.Cancel();
    first.join();
    second.join();
}

CancelToken* signalled_token;

TEST(CancelToken, CancelFromSignalHandler_LeavesErrnoAlone) {
    CancelToken token;
    signalled_token = &token;
    struct sigaction action {
    }, before;
    action.sa_handler = [](int) { signalled_token->Cancel(); };
    ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
    errno = ENOTTY;
    raise(SIGUSR1);
    EXPECT_EQ(errno, ENOTTY);
    sigaction(SIGUSR1, &before, nullptr);
    EXPECT_TRUE(token.IsCancelled());
}

}  // namespace
}  // namespace agri::base

// What a process of the server's module is like once it is prepared.
#include "worker/process_setup.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "base/child.hpp"

namespace agri::worker {
namespace {

// The spawner blocks SIGTERM: one that came before there was a handler must neither end the process
// by a signal nor be lost.
TEST(ProcessSetupTest, PrepareProcess_SigtermCameEarlier_CancelsAndIsUnblocked) {
    test::Child child([] {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
        raise(SIGTERM);
        const base::CancelToken& token = PrepareProcess();
        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        if (sigismember(&blocked, SIGTERM)) return 2;
        return token.IsCancelled() ? 0 : 3;
    });
    EXPECT_EQ(child.AwaitExit(), 0);
}

}  // namespace
}  // namespace agri::worker
